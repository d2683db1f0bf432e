package providers

import (
	"context"
	"time"
)

// DoctorWithin is Config.Doctor with other bounds.
func DoctorWithin(ctx context.Context, c *Config, list, call time.Duration, names ...string) ([]Diagnosis, error) {
	return (&doctor{config: c, listTimeout: list, callTimeout: call}).examine(ctx, names)
}

// KnownModels names what the catalogue knows of a provider.
func KnownModels(provider string) (names []string) {
	for _, k := range knownModels(provider) {
		names = append(names, k.name)
	}
	return names
}
