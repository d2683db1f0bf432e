package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dogear-go/dogear/providers"
)

// providerConfig reads the configuration file: the one of --config, else that of the run's last session, else the one in the
// folder of the runs or in the working folder. None is no error. The file that was read is remembered with the session, not what
// stands in it.
func (k *kit) providerConfig() (*providers.Config, error) {
	path, err := k.configPath()
	if err != nil || path == "" {
		return &providers.Config{}, err
	}
	c, err := providers.ReadConfig(path)
	switch {
	case err == nil:
		k.session.config = path
		return c, nil
	case k.session.given[flagConfig]:
		return nil, plainly(flagConfig, "providers", err)
	}
	return nil, &UsageError{&advised{strings.TrimPrefix(err.Error(), "providers: "), err}}
}

// configPath is the file to read, or "".
func (k *kit) configPath() (string, error) {
	recorded := k.session.config
	switch {
	case recorded == configNone:
		return "", nil
	case k.session.given[flagConfig]:
		return recorded, nil
	}
	for _, path := range []string{recorded, filepath.Join(k.out, providers.ConfigName), providers.ConfigName} {
		if _, err := os.Stat(path); path != "" && !errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
	}
	if recorded != "" {
		return "", usagef("the run's providers were configured in %s, which is not there any more; name a file with --config FILE, or go on without with --config none",
			quoteArg(recorded))
	}
	return "", nil
}
