package providers

import (
	"github.com/dogear-go/dogear/providers/price"
	"github.com/dogear-go/dogear/resilience"
)

// Feature is something that a request may need and a model may lack.
type Feature string

// The features. A chain does not send a request to a member that lacks one of those it needs; sampling is the exception.
const (
	FeatureTools     Feature = "tools"     // tool calls, and messages about them
	FeatureImages    Feature = "images"    // pictures and other binary parts
	FeatureStreaming Feature = "streaming" // answers in parts

	// FeatureSampling is temperature, top-p and top-k of the caller's choice. To a model that lacks it requests are sent without
	// them, and the user is warned: no other model answers better for having been told its temperature.
	FeatureSampling Feature = "sampling"
)

// Features returns all features.
func Features() []Feature {
	return []Feature{FeatureTools, FeatureImages, FeatureStreaming, FeatureSampling}
}

// JSONMode is how far an endpoint can be told to answer in JSON.
type JSONMode string

// The JSON modes, the strictest first. The schema stands in the prompt in any case.
const (
	JSONUnknown JSONMode = ""       // the strictest is tried first; what the endpoint rejects is not tried again
	JSONSchema  JSONMode = "schema" // JSON that follows a schema
	JSONObject  JSONMode = "object" // a JSON object, whatever is in it
	JSONNone    JSONMode = "none"   // no way to tell it
)

// Price is what a model costs, in micro-dollars for a million tokens: $1 for a million tokens is 1,000,000. Package price has
// the list prices.
type Price price.Price

// Cost is the price of an answer in micro-dollars, rounded up.
func (p Price) Cost(u resilience.Usage) int64 { return price.Price(p).Cost(u) }
