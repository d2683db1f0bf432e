// Package wire stands between langchaingo's clients and the HTTP servers that they ask. It looks at requests and answers of OpenAI's,
// Anthropic's and Ollama's kind, whole and in streams, changes in them what a client can't say or would lose, and tells what it saw
// and what failed. It knows HTTP and JSON, and nothing of langchaingo's types.
package wire
