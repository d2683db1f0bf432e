package providers

type listing int
const (
	listOpenAI listing = iota
	listAnthropic
	listOllama
)
