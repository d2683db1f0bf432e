// Package offline has an author that needs no network, no key and no money: a deterministic [llms.Model] for first runs,
// demonstrations and tests.
//
// The same request always gets the same answer. A request for text gets readable, fiction-like prose of the length that
// its prompt asks for ("about 2000 words", "three paragraphs"), about the people and places that the prompt names. A
// request that carries a JSON Schema (resilience.WithSchema, or the schema's text in the prompt) gets an instance of it:
// counts, enums, lengths and ranges are kept, and fields are filled by what their names say.
//
// It is a stand-in, not a writer: [Notice] says so, and how to use a real provider.
package offline
