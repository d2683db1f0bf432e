package providers

import "strings"

// knownModels returns what is known of a provider's models: those that are current or still served, not all.
//
// The figures are those of the providers' documentation and of the public list models.dev, in copies read on 2026-11-26; where a
// copy was older, the line says so. Their prices stand in package price. What was not found is left out, which means unknown.
// Windows of ollama's models are left out too: how much of them is used is a setting of the server.
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

// What models lack. Lists are made anew for each use, so that nobody changes another's.
func lacks(list ...Feature) []Feature { return append([]Feature{}, list...) }

func groqModels() []known {
	return []known{ // console.groq.com; the qwen model is a preview
		{"openai/gpt-oss-120b", facts{context: 131_072, maxOutput: 65_536, without: lacks(FeatureImages), json: JSONSchema}},
		{"openai/gpt-oss-20b", facts{context: 131_072, maxOutput: 65_536, without: lacks(FeatureImages), json: JSONSchema}},
		{"qwen/qwen3.8-27b", facts{context: 131_042, maxOutput: 16_384, without: lacks(), json: JSONObject}},
	}
}

func anthropicModels() []known {
	return []known{ // platform.claude.com
		{"claude-sonnet-5-5", facts{context: 1_000_000, maxOutput: 128_000, without: lacks(), json: JSONSchema}},
		{"claude-sonnet-5", facts{context: 1_000_000, maxOutput: 128_000, without: lacks(), json: JSONSchema}},
		{"claude-sonnet-4-6", facts{context: 1_000_000, maxOutput: 64_000, without: lacks(), json: JSONSchema}},
		{"claude-haiku-5-5", facts{context: 1_000_000, maxOutput: 128_000, without: lacks()}},
		{"claude-haiku-4-5", facts{context: 200_000, maxOutput: 64_000, without: lacks(), json: JSONSchema}},
		{"claude-opus-5-5", facts{context: 1_000_000, maxOutput: 128_000, without: lacks(), json: JSONSchema}},
		{"claude-fable-5-2", facts{context: 1_000_000, maxOutput: 128_000, without: lacks()}},
	}
}

func geminiModels() []known {
	flash := facts{context: 1_048_576, maxOutput: 65_536, without: lacks(), json: JSONSchema}
	return []known{ // ai.google.dev
		{"gemini-flash-latest", flash}, // an alias, gemini-3.8-flash in November 2026
		{"gemini-3.8-flash", flash},
		{"gemini-3.6-flash", facts{context: 1_048_576, maxOutput: 65_536, without: lacks(), json: JSONSchema}},
		{"gemini-3.5-flash-lite", facts{context: 1_048_576, maxOutput: 65_536, without: lacks(), json: JSONSchema}},
		{"gemini-3.1-flash-lite", facts{context: 1_048_576, maxOutput: 65_536, without: lacks(), json: JSONSchema}},
		{"gemini-4-argon", facts{context: 1_048_576, maxOutput: 32_768, without: lacks(), json: JSONSchema}},
	}
}

func openrouterModels() []known {
	return []known{ // openrouter.ai
		{"openrouter/auto", facts{context: 2_000_000}}, // billed as the model it chooses
		{"openai/gpt-oss-120b", facts{context: 131_072, maxOutput: 65_536, without: lacks(FeatureImages), json: JSONSchema}},
		{"openai/gpt-6-luna", facts{context: 1_050_000, maxOutput: 128_000, without: lacks(), json: JSONSchema}},
		{"anthropic/claude-sonnet-5.5", facts{context: 1_000_000, maxOutput: 128_000, without: lacks(), json: JSONSchema}},
		{"mistralai/mistral-small-2603", facts{context: 262_144, maxOutput: 209_715, without: lacks(), json: JSONSchema}},
		{"openrouter/free", facts{context: 200_000}},
	}
}

// The gpt-6 family takes tools in chat completions only with reasoning switched off (see withTools), which the sol models can't.
func openaiModels() []known {
	return []known{ // developers.openai.com
		{"gpt-6-luna", facts{context: 1_050_000, maxOutput: 128_000, without: lacks(), json: JSONSchema}},
		{"gpt-6.1-terra", facts{context: 1_050_000, maxOutput: 128_000, without: lacks(), json: JSONSchema}},
		{"gpt-6.1-sol", facts{context: 1_050_000, maxOutput: 128_000, without: lacks(FeatureTools), json: JSONSchema}},
		{"gpt-6.2-sol", facts{context: 1_050_000, maxOutput: 128_000, without: lacks(FeatureTools), json: JSONSchema}},
		{"gpt-5.6-luna", facts{maxOutput: 128_000, without: lacks(), json: JSONSchema}},
		{"gpt-4o-mini", facts{context: 128_000, maxOutput: 16_384, without: lacks(), json: JSONSchema}},    // ends on 2027-01-14
		{"gpt-4.1-mini", facts{context: 1_047_576, maxOutput: 32_768, without: lacks(), json: JSONSchema}}, // ends on 2027-01-14
	}
}

func deepseekModels() []known {
	return []known{ // api-docs.deepseek.com, of 2026-11-15
		{"deepseek-flash", facts{context: 1_000_000, maxOutput: 384_000, without: lacks(), json: JSONObject}},
		{"deepseek-v4-pro", facts{context: 1_000_000, maxOutput: 384_000, without: lacks(FeatureImages), json: JSONObject}},
	}
}

func togetherModels() []known {
	return []known{ // docs.together.ai
		{"openai/gpt-oss-120b", facts{context: 131_072, without: lacks(FeatureImages), json: JSONSchema}},
		{"zai-org/GLM-5.3-Flash", facts{context: 1_048_575, maxOutput: 400_000, without: lacks(), json: JSONSchema}},
		{"deepseek-ai/DeepSeek-V4.1-Flash", facts{context: 1_048_576, maxOutput: 384_000, without: lacks(), json: JSONSchema}},
		{"MiniMaxAI/MiniMax-M3", facts{context: 524_288, without: lacks()}},
		{"moonshotai/Kimi-K3.1-Pro", facts{context: 1_048_576, maxOutput: 131_072, without: lacks()}},
	}
}

func mistralModels() []known {
	small := facts{context: 262_144, without: lacks(), json: JSONSchema}
	medium := facts{context: 262_144, maxOutput: 262_144, without: lacks(), json: JSONSchema}
	large := facts{context: 262_144, maxOutput: 262_144, without: lacks(), json: JSONSchema}
	return []known{ // docs.mistral.ai, of 2026-09-29; the names with latest are aliases
		{"mistral-small-latest", small},
		{"mistral-small-2603", small},
		{"mistral-medium-latest", medium},
		{"mistral-large-latest", large},
		{"mistral-large-2512", large},
		{"mistral-large-4", facts{context: 1_048_576, maxOutput: 262_144, without: lacks(), json: JSONSchema}}, // a preview
		{"ministral-8b-latest", facts{context: 262_144, maxOutput: 128_000, without: lacks(), json: JSONSchema}},
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
