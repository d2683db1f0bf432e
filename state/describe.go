package state

// Describe says what matters of a payload in some words, as [WriteEvent] prints it: sizes of texts, never the texts.
func Describe(p Payload) string { return describe(p) }
