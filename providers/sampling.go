package providers

import (
	"regexp"
	"slices"
)

// fixedModels are the models that reject a temperature other than their own, by their documentation of November 2026: OpenAI's that
// reason, and Anthropic's from opus 4.7 and the fifth generation on.
var fixedModels = map[string]*regexp.Regexp{
	"openai":    regexp.MustCompile(`^(o[0-9]|gpt-[56])`),
	"anthropic": regexp.MustCompile(`^claude-(sonnet-5|haiku-5|opus-5|opus-4-[78]|fable-)`),
}

// withoutSampling adds what the names of models tell to what they lack.
func withoutSampling(provider, model string, without []Feature) []Feature {
	rule, ok := fixedModels[provider]
	if !ok || !rule.MatchString(model) || slices.Contains(without, FeatureSampling) {
		return without
	}
	return append(without[:len(without):len(without)], FeatureSampling)
}

// fixed says whether a provider's model samples as it likes.
func (p Provider) fixed() bool { return slices.Contains(p.Without, FeatureSampling) }
