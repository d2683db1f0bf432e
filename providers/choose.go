package providers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dogear-go/dogear/providers/offline"
)

// auto is the name that stands for all providers whose keys are set.
const auto = "auto"

// preferred names the provider that comes first when nobody names one.
const preferred = "DEFAULT_LLM_PROVIDER"

// choice is the chain of all roles that have none of their own.
type choice struct {
	refs   []ref
	found  []string // refs, when the environment chose them
	notice string
	source string // of the names, for errors; empty: the caller
}

func (c choice) offline() bool { return len(c.refs) == 1 && c.refs[0].name == "offline" }

// blame says where the names stand that an error is about.
func (c choice) blame(err error) error {
	if c.source == "" {
		return fmt.Errorf("providers: %w", err)
	}
	return fmt.Errorf("providers: %s: %w", c.source, err)
}

// choose finds out who is to answer: whom the caller names, else DEFAULT_LLM_PROVIDER and the others behind it, else the file's
// chain, else the offline author.
func (c *Config) choose(names []string) (choice, error) {
	if len(names) > 0 {
		return c.named(names)
	}
	switch first := env(preferred); {
	case first == auto:
		return c.found()
	case first != "":
		return c.defaultFirst(first)
	case c.file.chain != nil:
		return choice{
			refs: c.file.chain, source: c.file.name,
			notice: fmt.Sprintf("Asking %s: the chain of %s.", namesOf(c.file.chain), c.file.name),
		}, nil
	}
	return choice{refs: []ref{{name: "offline"}}, notice: c.offlineNotice()}, nil
}

func (c *Config) named(names []string) (choice, error) {
	if slices.Contains(names, auto) {
		if len(names) > 1 {
			return choice{}, fmt.Errorf("%q stands alone, not with %s", auto, strings.Join(names, ", "))
		}
		return c.found()
	}
	var chosen choice
	for _, name := range names {
		r, err := parseRef(name)
		if err != nil {
			return choice{}, err
		}
		chosen.refs = append(chosen.refs, r)
	}
	if chosen.refs[0].name == "offline" {
		chosen.notice = c.offlineNotice()
	}
	return chosen, nil
}

// found are the providers that are ready for use, the preferred one first.
func (c *Config) found() (choice, error) {
	refs := c.available()
	if len(refs) == 0 {
		return choice{}, fmt.Errorf("%q found no key: set one of %s, or name no provider to use the offline sample author",
			auto, strings.Join(allKeyVars(), ", "))
	}
	value := env(preferred)
	if value == auto {
		value = ""
	}
	first, err := parseRefs(value)
	if err != nil {
		return choice{}, fmt.Errorf("%s: %w", preferred, err)
	}
	for i := len(first) - 1; i >= 0; i-- {
		if !c.exists(first[i].name) {
			return choice{}, fmt.Errorf("%s: there is no provider %q; the catalogue has %s", preferred, first[i].name, strings.Join(Names(), ", "))
		}
		if at := slices.IndexFunc(refs, func(r ref) bool { return r.name == first[i].name }); at >= 0 {
			refs = append([]ref{first[i]}, slices.Delete(refs, at, at+1)...)
		}
	}
	return choice{refs: refs, found: texts(refs)}, nil
}

func (c *Config) defaultFirst(value string) (choice, error) {
	first, err := parseRefs(value)
	if err != nil {
		return choice{}, fmt.Errorf("%s: %w", preferred, err)
	}
	chosen := choice{refs: first, source: preferred, notice: fmt.Sprintf("Asking %s, as %s says", namesOf(first), preferred)}
	if chosen.offline() {
		return choice{refs: first, notice: c.offlineNotice()}, nil
	}
	others, why := c.available(), "whose keys are set"
	if c.file.chain != nil {
		others, why = c.file.chain, "of the chain of "+c.file.name
	}
	if chosen.refs = followedBy(first, others); len(chosen.refs) > len(first) {
		chosen.notice += fmt.Sprintf(", then %s, %s", namesOf(chosen.refs[len(first):]), why)
	}
	chosen.notice += "."
	chosen.found = texts(chosen.refs)
	return chosen, nil
}

// available are the providers that could be asked now: those whose keys are set, and of those that need none the ones that
// somebody configured.
func (c *Config) available() (refs []ref) {
	for _, e := range catalogue() {
		if e.name != "offline" && c.ready(e) {
			refs = append(refs, ref{name: e.name})
		}
	}
	for _, name := range c.file.order {
		if _, ok := lookup(name); ok {
			continue
		}
		if e, err := custom(name); err == nil && c.ready(e) {
			refs = append(refs, ref{name: name})
		}
	}
	return refs
}

// ready says whether a provider is configured: its key is set, or it needs none and the environment, the program or the file has
// something to say of it.
func (c *Config) ready(e entry) bool {
	block, inFile := c.file.providers[e.name]
	s, inProgram := c.Settings[e.name]
	if _, set := c.keyVar(e); set || s.Key != "" {
		return true
	}
	if !e.keyless || block.keyVar != "" {
		return false
	}
	return inFile || inProgram || env(e.prefix+"_BASE_URL") != "" || env(e.prefix+"_MODEL") != ""
}

// exists says whether a provider can be meant by a name.
func (c *Config) exists(name string) bool {
	_, inFile := c.file.providers[name]
	_, known := lookup(name)
	return known || inFile || c.Settings[name].BaseURL != ""
}

func allKeyVars() (vars []string) {
	for _, e := range catalogue() {
		if !e.keyless {
			vars = append(vars, e.keyVars()...)
		}
	}
	return vars
}

// offlineNotice says what the user could use instead. It names variables, never their values.
func (c *Config) offlineNotice() string {
	var list []string
	for _, e := range catalogue() {
		if v, set := c.keyVar(e); set && e.name != "offline" {
			list = append(list, fmt.Sprintf("%s (%s is set)", e.name, v))
		}
	}
	if len(list) == 0 {
		return offline.Notice
	}
	return offline.Notice + " Found here: " + strings.Join(list, ", ") + `; "auto" uses them.`
}
