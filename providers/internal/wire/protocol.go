package wire

import (
	"net/http"
	"strings"
)

// Protocol is whose words an endpoint speaks.
type Protocol int

// Protocols.
const (
	ProtocolOther    Protocol = iota
	ProtocolChat              // OpenAI's, and of those compatible with it
	ProtocolMessages          // Anthropic's
	ProtocolOllama            // Ollama's own
)

func protocolOf(req *http.Request) Protocol {
	switch path := req.URL.Path; {
	case strings.HasSuffix(path, "/chat/completions"):
		return ProtocolChat
	case strings.HasSuffix(path, "/messages"):
		return ProtocolMessages
	case strings.HasSuffix(path, "/api/chat"):
		return ProtocolOllama
	}
	return ProtocolOther
}
