package dashboard

import "net/http"

// pages adds the pages.
func (d *Dashboard) pages(*http.ServeMux) {}
