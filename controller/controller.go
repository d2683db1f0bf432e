// Package controller is a placeholder written by the lead so that workflow compiles: replace it all.
package controller

import (
	"io"
	"sync"
)

type Config struct {
	Out    io.Writer
	Resume string
}

type Controller struct {
	mu                  sync.Mutex
	by, reason          string
	draining, canceling chan struct{}
	d, c                bool
}

func New() *Controller {
	return &Controller{draining: make(chan struct{}), canceling: make(chan struct{})}
}
func Notify(Config) *Controller { return New() }
func (c *Controller) Pause(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.d {
		c.d, c.reason, c.by = true, reason, "program"
		close(c.draining)
	}
}
func (c *Controller) Cancel(reason string) {
	c.Pause(reason)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.c {
		c.c = true
		close(c.canceling)
	}
}
func (c *Controller) Draining() <-chan struct{}  { return c.draining }
func (c *Controller) Canceling() <-chan struct{} { return c.canceling }
func (c *Controller) Reason() string             { c.mu.Lock(); defer c.mu.Unlock(); return c.reason }
func (c *Controller) By() string                 { c.mu.Lock(); defer c.mu.Unlock(); return c.by }
func (c *Controller) Close() error               { return nil }
