package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// opening prints how long it takes until the first byte of a page is there, and all of it: the worst of some times.
func opening(addr, when string) error {
	const times = 5
	for _, path := range []string{
		"/runs/" + runName, "/api/runs/" + runName, "/api/runs/" + runName + "/grid?step=prose",
		"/api/runs/" + runName + "/items?step=prose&status=running", "/",
	} {
		var first, whole time.Duration
		var size int
		for range times {
			began := time.Now()
			resp, err := http.Get("http://" + addr + path)
			if err != nil {
				return err
			}
			first = max(first, time.Since(began))
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close() // it was read
			if err != nil || resp.StatusCode != http.StatusOK {
				return fmt.Errorf("%s: status %d: %w", path, resp.StatusCode, err)
			}
			whole, size = max(whole, time.Since(began)), len(body)
		}
		fmt.Printf("%-28s %-52s first byte %7s   whole %7s   %6.1f KB   (aim < 1 s)\n", when, path,
			first.Round(100*time.Microsecond), whole.Round(100*time.Microsecond), float64(size)/1000)
	}
	return nil
}

// history prints how long the dashboard takes to read what the run cost over time.
func history(addr string) error {
	began := time.Now()
	for range 3000 {
		resp, err := http.Get("http://" + addr + "/api/runs/" + runName + "/cost")
		if err != nil {
			return err
		}
		var v struct{ Complete bool }
		err = json.NewDecoder(resp.Body).Decode(&v)
		_ = resp.Body.Close() // it was read
		if err != nil {
			return err
		}
		if v.Complete {
			fmt.Printf("%-28s the whole history of cost is there after %s\n", "", time.Since(began).Round(10*time.Millisecond))
			return nil
		}
		<-time.After(100 * time.Millisecond)
	}
	return errors.New("the history of cost is never complete")
}
