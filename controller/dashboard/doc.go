// Package dashboard shows runs in a browser, and lets people act on them.
package dashboard
