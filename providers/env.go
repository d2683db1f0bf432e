package providers

// FromEnv returns the models that the names and the environment ask for:
//
//	FromEnv()                            the offline sample author, no key and no network; or DEFAULT_LLM_PROVIDER, if that is set
//	FromEnv("auto")                      those whose keys are set: groq, anthropic, gemini, openrouter, then the rest
//	FromEnv("openai:gpt-5-mini", "groq") a chain of these, in this order; behind a colon stands the model
//
// Each provider's key, model and address come from its variables: OPENAI_API_KEY, OPENAI_MODEL, OPENAI_BASE_URL, and so on for
// [Names] (TOGETHER_API_KEY for together_ai, GOOGLE_API_KEY too for gemini). ollama needs no key; "auto" takes it when
// OLLAMA_BASE_URL or OLLAMA_MODEL is set. DEFAULT_LLM_PROVIDER names the one that comes first with "auto" and with no names; in
// the latter case those whose keys are set follow, and the notice says so. With a real provider in use,
// AGENT_<ROLE>_PROVIDER puts others first for one role (AGENT_WRITER_PROVIDER=anthropic), AGENT_<ROLE>_MODEL,
// AGENT_<ROLE>_TEMPERATURE and AGENT_<ROLE>_MAX_TOKENS say the rest.
//
// An unknown name or a missing key is an error that names the variable; no error and no notice holds a key. See [Config.Models]
// for the same with a configuration file.
func FromEnv(names ...string) (Models, error) { return (&Config{}).Models(names...) }
