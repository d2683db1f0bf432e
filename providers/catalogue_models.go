package providers

// knownModels returns what is known of a provider's models.
func knownModels(string) []known { return nil }
