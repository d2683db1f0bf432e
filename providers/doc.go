// Package providers turns models of langchaingo into one that can be relied on.
//
// [FromEnv] is the quickest way to models: the offline sample author without arguments, a chain of real providers by name.
// [Open] makes a provider of the catalogue, or of any endpoint that speaks OpenAI's protocol; any llms.Model makes a
// [Provider] too. A [Chain] of them is an llms.Model that tries again, waits, falls back, and says clearly what failed.
// [Guard] is the HTTP transport below, which keeps status, Retry-After and errors inside a 200 that the clients lose.
// Before a request leaves it waits its turn at the provider's [Limits], which all chains of a [Pool] keep to together.
//
// [ReadConfig] reads the same and more from a file: chains, roles, limits, prices. [Config.Doctor] finds out which providers work.
//
// [Generate] asks for an answer of a Go type: text, or JSON under the type's schema; it checks the answer and asks again when it
// can't be used.
//
//	type Idea struct {
//		Title string `json:"title" jsonschema:"at most five words"`
//		Why   string `json:"why"`
//	}
//	models, err := providers.FromEnv("auto")
//	ideas, err := providers.Generate[[]Idea](ctx, models.Default, "Three ideas for a talk on tides.")
//
// In a run every request, answer, wait and refusal is reported through the context's resilience.Hooks; without them the
// same code works alone. Keys never appear in errors.
package providers
