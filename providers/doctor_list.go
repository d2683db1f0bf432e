package providers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/dogear-go/dogear/providers/internal/wire"
	"github.com/dogear-go/dogear/resilience"
)

// listing is how an API lists its models.
type listing int

const (
	listOpenAI    listing = iota // GET <base>/models
	listAnthropic                // the same in pages, with another header for the key
	listOllama                   // GET /api/tags beside the base
)

const (
	// maxList is how much of a list is read; the longest known one has about two megabytes.
	maxList = 16 << 20

	// maxPages is how many pages of a list are read.
	maxPages = 20
)

var (
	errNoList = errors.New("the API lists no models")
	errPage   = errors.New("the server answers with a web page")
)

// movedError says that a server redirects.
type movedError struct{ to string }

func (e *movedError) Error() string { return "the server redirects to " + e.to }

// models reads the names of the API's models.
func (p *patient) models(ctx context.Context) (names []string, err error) {
	base := p.settings.BaseURL + "/models"
	switch p.entry.list {
	case listOllama:
		base = strings.TrimSuffix(p.settings.BaseURL, "/v1") + "/api/tags"
	case listAnthropic:
		base += "?limit=1000"
	}
	address := base
	for range maxPages {
		body, err := p.get(ctx, address)
		if err != nil {
			return nil, err
		}
		page, last, err := readModels(body)
		if err != nil {
			return nil, err
		}
		names = append(names, page...)
		if p.entry.list != listAnthropic || last == "" {
			break
		}
		address = base + "&after_id=" + url.QueryEscape(last)
	}
	return names, nil
}

// get makes one request for a list. What the client says of a failure is the class's; the key is in no error.
func (p *patient) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errNoList
	}
	req.Header.Set("Accept", "application/json")
	switch {
	case p.settings.Key == "":
	case p.entry.list == listAnthropic:
		req.Header.Set("X-Api-Key", p.settings.Key)
	default:
		req.Header.Set("Authorization", "Bearer "+p.settings.Key)
	}
	if p.entry.list == listAnthropic {
		req.Header.Set("Anthropic-Version", "2023-06-01")
	}
	hc := &http.Client{Transport: p.settings.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := hc.Do(req)
	if err != nil {
		return nil, p.wrap(req, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxList))
	if err != nil {
		return nil, p.wrap(req, err)
	}
	body = wire.Hide(body, wire.KeysOf(req))
	page := bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return nil, &movedError{p.target(resp)}
	case resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusMethodNotAllowed, resp.StatusCode == http.StatusNotImplemented:
		return nil, errNoList
	case resp.StatusCode >= 400:
		return nil, resilience.FromHTTP(p.Provider, resp.StatusCode, resp.Header, body[:min(len(body), wire.MaxErrorBody)])
	case page:
		return nil, errPage
	}
	return body, nil
}

// wrap gives a failed connection its class and takes the key out of its text.
func (p *patient) wrap(req *http.Request, err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		err = at.Err // method and address are said elsewhere
	}
	return resilience.Wrap(p.Provider, "", wire.HideError(err, wire.KeysOf(req)))
}

// target is the address that a redirect leads to, as a base URL.
func (p *patient) target(resp *http.Response) string {
	to, err := resp.Location()
	if err != nil {
		return "an address that can't be read"
	}
	to.User, to.RawQuery, to.Fragment = nil, "", ""
	text := string(wire.Hide([]byte(to.String()), []string{p.settings.Key}))
	return strings.TrimSuffix(strings.TrimSuffix(text, "/models"), "/api/tags")
}

// readModels reads the names in a list, and after which of them the next page begins. It knows OpenAI's shape, a bare array
// (Together), and Ollama's.
func readModels(body []byte) (names []string, next string, err error) {
	type model struct {
		ID      string   `json:"id"`
		Name    string   `json:"name"`
		Aliases []string `json:"aliases"`
	}
	var list struct {
		Data    []model `json:"data"`
		Models  []model `json:"models"`
		HasMore bool    `json:"has_more"`
		LastID  string  `json:"last_id"`
	}
	body = bytes.TrimSpace(body)
	if bytes.HasPrefix(body, []byte("[")) {
		err = json.Unmarshal(body, &list.Data)
	} else {
		err = json.Unmarshal(body, &list)
	}
	if err != nil {
		return nil, "", errNoList
	}
	for _, m := range append(list.Data, list.Models...) {
		name := strings.TrimPrefix(firstOf(m.ID, m.Name), "models/") // which Gemini puts before each
		for _, n := range append([]string{name}, m.Aliases...) {
			if n != "" {
				names = append(names, n)
			}
		}
	}
	if list.HasMore {
		next = list.LastID
	}
	return names, next, nil
}

// has says whether the API lists the model. Ollama's names end in a tag, which is latest where none is said.
func (p *patient) has() bool {
	model := strings.TrimPrefix(p.Model, "models/")
	return slices.Contains(p.names, model) || (p.Provider == "ollama" && slices.Contains(p.names, model+":latest"))
}

// nearest are the names that differ least from a model's, the nearest first; none that differs by more than half.
func nearest(model string, names []string) (near []string) {
	type candidate struct {
		name string
		far  int
	}
	var list []candidate
	for _, n := range names {
		if d := distance(strings.ToLower(model), strings.ToLower(n)); d <= max(len(model), len(n))/2 {
			list = append(list, candidate{n, d})
		}
	}
	slices.SortStableFunc(list, func(a, b candidate) int { return a.far - b.far })
	for _, c := range list {
		near = append(near, c.name)
	}
	return near
}

// distance is how many characters must be changed to make b of a.
func distance(a, b string) int {
	if len(a) > 100 || len(b) > 100 {
		return len(a) + len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

// few are the first names of a list.
func few(names []string) string {
	const most = 3
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
