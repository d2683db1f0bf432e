package providers

import (
	"math"
	"strings"
)

// knownModels returns what is known of a provider's models: those that are current or still served, not all.
//
// The figures are those of the providers' documentation and of the public list models.dev, in copies read on 2026-11-26; where a
// copy was older, the line says so. Prices are list prices in dollars for a million tokens, without discounts for batches and
// without the surcharges that some ask for very long prompts. They change: Settings.Price or the configuration file override
// them. What was not found is left out, which means unknown. Windows of ollama's models are left out too: how much of them is
// used is a setting of the server.
func knownModels(provider string) []known {
	switch provider {
	case "groq":
		return groqModels()
	case "anthropic":
		return anthropicModels()
	case "gemini":
		return geminiModels()
	case "openrouter":
		return openrouterModels()
	case "openai":
		return openaiModels()
	case "deepseek":
		return deepseekModels()
	case "together_ai":
		return togetherModels()
	case "mistral":
		return mistralModels()
	case "ollama":
		return ollamaModels()
	}
	return nil
}

// usd is a price in dollars for a million tokens.
func usd(input, cached, output float64) *Price {
	micro := func(dollars float64) int64 { return int64(math.Round(dollars * 1e6)) }
	return &Price{Input: micro(input), Cached: micro(cached), Output: micro(output)}
}

// What models lack. Lists are made anew for each use, so that nobody changes another's.
func lacks(list ...Feature) []Feature { return append([]Feature{}, list...) }

func groqModels() []known {
	return []known{ // console.groq.com; the qwen model is a preview
		{"openai/gpt-oss-120b", facts{context: 131_072, maxOutput: 65_536, without: lacks(FeatureImages), json: JSONSchema, price: usd(0.15, 0.075, 0.60)}},
		{"openai/gpt-oss-20b", facts{context: 131_072, maxOutput: 65_536, without: lacks(FeatureImages), json: JSONSchema, price: usd(0.075, 0.0375, 0.30)}},
		{"qwen/qwen3.8-27b", facts{context: 131_042, maxOutput: 16_384, without: lacks(), json: JSONObject, price: usd(0.80, 0.40, 4.00)}},
	}
}

func anthropicModels() []known {
	return []known{ // platform.claude.com
		{"claude-sonnet-5-5", facts{context: 1_000_000, maxOutput: 128_000, without: lacks(), json: JSONSchema, price: usd(2, 0.10, 10)}},
		{"claude-sonnet-5", facts{context: 1_000_000, maxOutput: 128_000, without: lacks(), json: JSONSchema, price: usd(2, 0.20, 10)}},
		{"claude-sonnet-4-6", facts{context: 1_000_000, maxOutput: 64_000, without: lacks(), json: JSONSchema, price: usd(3, 0.30, 15)}},
		{"claude-haiku-5-5", facts{context: 1_000_000, maxOutput: 128_000, without: lacks(), price: usd(0.10, 0.01, 0.50)}}, // five times that above 100,000 tokens
		{"claude-haiku-4-5", facts{context: 200_000, maxOutput: 64_000, without: lacks(), json: JSONSchema, price: usd(1, 0.10, 5)}},
		{"claude-opus-5-5", facts{context: 1_000_000, maxOutput: 128_000, without: lacks(), json: JSONSchema, price: usd(4, 0.20, 20)}},
		{"claude-fable-5-2", facts{context: 1_000_000, maxOutput: 128_000, without: lacks(), price: usd(8, 0.20, 40)}},
	}
}

func geminiModels() []known {
	flash := facts{context: 1_048_576, maxOutput: 65_536, without: lacks(), json: JSONSchema, price: usd(0.75, 0.075, 3.75)} // twice that from 2027-01-01
	return []known{                                                                                                          // ai.google.dev
		{"gemini-flash-latest", flash}, // an alias, gemini-3.8-flash in November 2026
		{"gemini-3.8-flash", flash},
		{"gemini-3.6-flash", facts{context: 1_048_576, maxOutput: 65_536, without: lacks(), json: JSONSchema, price: usd(0.75, 0.075, 3.75)}},
		{"gemini-3.5-flash-lite", facts{context: 1_048_576, maxOutput: 65_536, without: lacks(), json: JSONSchema, price: usd(0.30, 0.03, 2.50)}},
		{"gemini-3.1-flash-lite", facts{context: 1_048_576, maxOutput: 65_536, without: lacks(), json: JSONSchema, price: usd(0.25, 0.025, 1.50)}},
		{"gemini-4-argon", facts{context: 1_048_576, maxOutput: 32_768, without: lacks(), json: JSONSchema, price: usd(2, 0.10, 10)}},
	}
}

func openrouterModels() []known {
	return []known{ // openrouter.ai; a model's price is that of the cheapest host
		{"openrouter/auto", facts{context: 2_000_000}}, // billed as the model it chooses
		{"openai/gpt-oss-120b", facts{context: 131_072, maxOutput: 65_536, without: lacks(FeatureImages), json: JSONSchema, price: usd(0.15, 0.075, 0.60)}},
		{"openai/gpt-6-luna", facts{context: 1_050_000, maxOutput: 128_000, without: lacks(), json: JSONSchema, price: usd(0.10, 0.01, 0.50)}},
		{"anthropic/claude-sonnet-5.5", facts{context: 1_000_000, maxOutput: 128_000, without: lacks(), json: JSONSchema, price: usd(2, 0.10, 10)}},
		{"mistralai/mistral-small-2603", facts{context: 262_144, maxOutput: 209_715, without: lacks(), json: JSONSchema, price: usd(0.15, 0.015, 0.60)}},
		{"openrouter/free", facts{context: 200_000, price: usd(0, 0, 0)}},
	}
}

// The gpt-6 family takes tools in chat completions only with reasoning switched off (see withTools), which the sol models can't.
func openaiModels() []known {
	return []known{ // developers.openai.com
		{"gpt-6-luna", facts{context: 1_050_000, maxOutput: 128_000, without: lacks(), json: JSONSchema, price: usd(0.10, 0.01, 0.50)}}, // half as much again to twice that above 272,000 tokens
		{"gpt-6.1-terra", facts{context: 1_050_000, maxOutput: 128_000, without: lacks(), json: JSONSchema, price: usd(1, 0.05, 5)}},
		{"gpt-6.1-sol", facts{context: 1_050_000, maxOutput: 128_000, without: lacks(FeatureTools), json: JSONSchema, price: usd(2, 0.10, 10)}},
		{"gpt-6.2-sol", facts{context: 1_050_000, maxOutput: 128_000, without: lacks(FeatureTools), json: JSONSchema, price: usd(2, 2, 10)}}, // no price for cached input was found
		{"gpt-5.6-luna", facts{maxOutput: 128_000, without: lacks(), json: JSONSchema, price: usd(0.20, 0.02, 1.20)}},
		{"gpt-4o-mini", facts{context: 128_000, maxOutput: 16_384, without: lacks(), json: JSONSchema, price: usd(0.15, 0.075, 0.60)}},   // ends on 2027-01-14
		{"gpt-4.1-mini", facts{context: 1_047_576, maxOutput: 32_768, without: lacks(), json: JSONSchema, price: usd(0.40, 0.10, 1.60)}}, // ends on 2027-01-14
	}
}

// The prices are those of the peak hours, 01 to 04 and 06 to 10 UTC on weekdays; at other times half of it.
func deepseekModels() []known {
	return []known{ // api-docs.deepseek.com, of 2026-11-15
		{"deepseek-flash", facts{context: 1_000_000, maxOutput: 384_000, without: lacks(), json: JSONObject, price: usd(0.30, 0.006, 1.20)}},
		{"deepseek-v4-pro", facts{context: 1_000_000, maxOutput: 384_000, without: lacks(FeatureImages), json: JSONObject, price: usd(1.32, 0.044, 3.96)}},
	}
}

func togetherModels() []known {
	return []known{ // docs.together.ai
		{"openai/gpt-oss-120b", facts{context: 131_072, without: lacks(FeatureImages), json: JSONSchema, price: usd(0.15, 0.15, 0.60)}}, // no price for cached input
		{"zai-org/GLM-5.3-Flash", facts{context: 1_048_575, maxOutput: 400_000, without: lacks(), json: JSONSchema, price: usd(0.15, 0.03, 0.50)}},
		{"deepseek-ai/DeepSeek-V4.1-Flash", facts{context: 1_048_576, maxOutput: 384_000, without: lacks(), json: JSONSchema, price: usd(0.30, 0.006, 1.20)}},
		{"MiniMaxAI/MiniMax-M3", facts{context: 524_288, without: lacks(), price: usd(0.30, 0.06, 1.20)}},
		{"moonshotai/Kimi-K3.1-Pro", facts{context: 1_048_576, maxOutput: 131_072, without: lacks(), price: usd(2, 0.20, 10)}},
	}
}

func mistralModels() []known {
	small := facts{context: 262_144, without: lacks(), json: JSONSchema, price: usd(0.15, 0.015, 0.60)}
	medium := facts{context: 262_144, maxOutput: 262_144, without: lacks(), json: JSONSchema, price: usd(1.50, 0.15, 7.50)}
	large := facts{context: 262_144, maxOutput: 262_144, without: lacks(), json: JSONSchema, price: usd(0.50, 0.05, 1.50)}
	return []known{ // docs.mistral.ai, of 2026-09-29; the names with latest are aliases
		{"mistral-small-latest", small},
		{"mistral-small-2603", small},
		{"mistral-medium-latest", medium},
		{"mistral-large-latest", large},
		{"mistral-large-2512", large},
		{"mistral-large-4", facts{context: 1_048_576, maxOutput: 262_144, without: lacks(), json: JSONSchema, price: usd(0.68, 0.07, 2.09)}}, // a preview at half the list price
		{"ministral-8b-latest", facts{context: 262_144, maxOutput: 128_000, without: lacks(), json: JSONSchema, price: usd(0.15, 0.015, 0.15)}},
	}
}

func ollamaModels() []known {
	return []known{ // docs.ollama.com
		{"gemma4", facts{without: lacks(), json: JSONSchema}},
		{"llama3.2", facts{without: lacks(FeatureImages), json: JSONSchema}},
		{"gpt-oss:20b", facts{without: lacks(FeatureImages), json: JSONSchema}},
		{"qwen3:8b", facts{without: lacks(FeatureImages), json: JSONSchema}},
		{"qwen3-vl:8b", facts{without: lacks(), json: JSONSchema}},
	}
}

// local says whether a model runs on a machine of the user's own, where tokens cost nothing. Ollama hosts some of its models, whose
// names end in cloud.
func local(provider, model, baseURL string) bool {
	return provider == "offline" || provider == "ollama" && !strings.HasSuffix(model, "cloud") && !strings.Contains(baseURL, "ollama.com")
}
