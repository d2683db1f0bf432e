package providers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ParseConfig reads a configuration in YAML; name is the file's, for messages:
//
//	chain: [groq, anthropic, "openai:gpt-5-mini"]  # who is asked, in this order; name, or name:model
//	max_wait: 15m                                  # see ChainConfig; patience, timeout, idle, max_tries likewise
//	providers:
//	  groq:
//	    key: ${GROQ_API_KEY_TEAM}                  # the variable that holds the key; a key itself is refused
//	    base_url: https://api.groq.com/openai/v1
//	    model: openai/gpt-oss-120b
//	    context: 131072                            # see Provider: of the model that is named here, as are max_output and price
//	    max_output: 65536
//	    without: [images]                          # of tools, images, streaming, sampling
//	    json: schema                               # schema, object, none
//	    limits: {requests_per_minute: 30, tokens_per_minute: 8000, requests_per_day: 1000, in_flight: 4}
//	    price: {input: 0.15, output: 0.60, cached: 0.075}  # dollars for a million tokens; cached defaults to input;
//	                                               # also written (to the cache), and long: {above: 272000, input: …} for long prompts
//	    models:                                    # where a model differs
//	      openai/gpt-oss-20b: {price: {input: 0.075, output: 0.30}}
//	  my-vllm: {base_url: "http://127.0.0.1:8000/v1", model: qwen3}  # any endpoint that speaks OpenAI's protocol
//	roles:
//	  writer: {chain: [anthropic, groq], model: claude-sonnet-4-6, temperature: 0.9, max_tokens: 8000}
//	  editor: {temperature: 0.3}
//
// Every field is optional. Limits are input_tokens_per_minute, output_tokens_per_minute, tokens_per_day and burst too; 0 is none.
// What is wrong is told with file, line and remedy, several faults at once, and without the values: one of them might be a key.
func ParseConfig(name string, data []byte) (*Config, error) {
	d := &document{name: name}
	if len(data) > maxConfig {
		d.at(1, "the file is larger than %d MiB; a configuration needs a few lines", maxConfig>>20)
		return nil, d.err()
	}
	c := &Config{}
	c.file.name = name
	c.file.providers = map[string]fileProvider{}
	if root := d.parse(data); root != nil {
		d.root(root, c)
		d.crossCheck(c)
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// document is a configuration that is being read. Faults are collected, so that all can be mended at once.
type document struct {
	name   string
	faults []fault
	more   int      // faults that were not kept, for want of anybody who would read them
	refs   []placed // the chain entries, with their lines
}

type fault struct {
	line int
	text string
}

// placed is a chain entry and where it stands.
type placed struct {
	ref
	line int
}

func (d *document) at(line int, format string, args ...any) {
	if len(d.faults) >= 10*maxFaults {
		d.more++
		return
	}
	d.faults = append(d.faults, fault{line, fmt.Sprintf(format, args...)})
}

func (d *document) fail(n *yaml.Node, format string, args ...any) { d.at(n.Line, format, args...) }

// parse returns the root of the only document, nil when there is nothing in it.
func (d *document) parse(data []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		d.syntax(err, data)
		return nil
	}
	if err := dec.Decode(&more); err == nil {
		d.fail(&more, "a second document begins; a configuration is one")
		return nil
	} else if !errors.Is(err, io.EOF) {
		d.syntax(err, data)
		return nil
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 || isNull(doc.Content[0]) {
		return nil
	}
	return doc.Content[0]
}

var (
	yamlLine  = regexp.MustCompile(`line (\d+): `)
	yamlQuote = regexp.MustCompile(`'[^']*'`)
	unquoted  = regexp.MustCompile(`\{[^"'\n}]*: *\$\{`) // {key: ${NAME}}, where the first brace that closes would close both
)

// syntax tells of what is no YAML. What the parser quotes is left out: it might be a key.
func (d *document) syntax(err error, data []byte) {
	text, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = strings.Replace(text, m[0], "", 1)
	}
	text, _, _ = strings.Cut(yamlQuote.ReplaceAllString(text, "…"), "\n")
	if unquoted.Match(data) {
		text += "; inside of { } a ${VARIABLE} stands in quotes"
	}
	d.at(line, "this is not YAML: %s; check indentation (blanks, no tabs), colons and quotes there and in the line before", text)
}

// root reads the top of the file.
func (d *document) root(n *yaml.Node, c *Config) {
	d.fields(n, "the configuration", []setting{
		{"chain", func(v *yaml.Node) { c.file.chain = d.chain(v) }},
		{"max_wait", func(v *yaml.Node) { c.Chain.MaxWait = d.duration(v) }},
		{"patience", func(v *yaml.Node) { c.Chain.Patience = d.duration(v) }},
		{"timeout", func(v *yaml.Node) { c.Chain.Timeout = d.duration(v) }},
		{"idle", func(v *yaml.Node) { c.Chain.Idle = d.duration(v) }},
		{"max_tries", func(v *yaml.Node) { c.Chain.MaxTries = d.whole(v, 1) }},
		{"providers", func(v *yaml.Node) {
			d.each(v, "providers", func(k, v *yaml.Node) {
				c.file.providers[k.Value] = d.provider(k, v)
				c.file.order = append(c.file.order, k.Value)
			})
		}},
		{"roles", func(v *yaml.Node) {
			d.each(v, "roles", func(k, v *yaml.Node) { c.file.roles = append(c.file.roles, d.role(k, v)) })
		}},
	})
}

func (d *document) provider(k, n *yaml.Node) fileProvider {
	p := fileProvider{line: k.Line}
	_, inCatalogue := lookup(k.Value)
	switch {
	case !providerName.MatchString(k.Value):
		d.fail(k, "a provider's name is of letters, digits, dots, dashes and underscores, at most 60")
	case k.Value == auto:
		d.fail(k, "the name %q is taken: it stands for all providers whose keys are set", auto)
	case !inCatalogue:
		if _, err := custom(k.Value); err != nil {
			d.fail(k, "%v", err)
		}
	}
	fields := append([]setting{
		{"key", func(v *yaml.Node) { p.keyVar, p.keyLine = d.keyVar(v), v.Line }},
		{"base_url", func(v *yaml.Node) { p.baseURL = d.baseURL(v) }},
		{"model", func(v *yaml.Node) { p.model = d.text(v) }},
	}, d.facts(&p.facts)...)
	// Models come last: their limits are the endpoint's where they do not differ.
	d.fields(n, "the provider "+shown(k.Value), append(fields, setting{"models", func(v *yaml.Node) {
		d.each(v, "models", func(k, v *yaml.Node) { p.models = append(p.models, d.model(k, v, p.facts.limits)) })
	}}))
	if !inCatalogue && p.baseURL == "" {
		d.fail(k, "there is no provider %s in the catalogue (%s); give it a base_url, or correct the name", shown(k.Value), strings.Join(Names(), ", "))
	}
	return p
}

func (d *document) model(k, n *yaml.Node, limits *Limits) known {
	m := known{name: k.Value}
	if limits != nil {
		own := *limits
		m.limits = &own
	}
	d.fields(n, "the model "+shown(k.Value), d.facts(&m.facts))
	return m
}

func (d *document) role(k, n *yaml.Node) fileRole {
	r := fileRole{name: k.Value}
	if !providerName.MatchString(k.Value) {
		d.fail(k, "a role's name is of letters, digits, dots, dashes and underscores, at most 60")
	}
	d.fields(n, "the role "+shown(k.Value), []setting{
		{"chain", func(v *yaml.Node) { r.chain = d.chain(v) }},
		{"model", func(v *yaml.Node) {
			if r.model = d.text(v); len(r.chain) > 0 && r.chain[0].model != "" {
				d.fail(v, "the first entry of the role's chain names its model already; say it in one of the two places")
			}
		}},
		{"temperature", func(v *yaml.Node) { r.temperature = d.temperature(v) }},
		{"max_tokens", func(v *yaml.Node) { r.maxTokens = d.whole(v, 1) }},
	})
	return r
}

// chain reads a list of entries.
func (d *document) chain(n *yaml.Node) []ref {
	refs := []ref{}
	for _, v := range d.items(n, "[groq, anthropic]") {
		text := d.text(v)
		if text == "" {
			continue
		}
		r, err := parseRef(text)
		switch {
		case err != nil:
			d.fail(v, "an entry is a provider's name, or name:model")
			continue
		case r.name == auto:
			d.fail(v, "%q can't stand in a chain; leave the chain out and name auto instead (--provider auto)", auto)
			continue
		}
		for _, other := range refs {
			if other == r {
				d.fail(v, "%s stands in the chain twice", shown(r.String()))
			}
		}
		refs = append(refs, r)
		d.refs = append(d.refs, placed{r, v.Line})
	}
	if len(refs) == 0 && n.Kind == yaml.SequenceNode {
		d.fail(n, "a chain needs a provider; leave it out to have none")
	}
	return refs
}

// crossCheck looks at what can only be said when all is read.
func (d *document) crossCheck(c *Config) {
	for _, p := range d.refs {
		if _, inFile := c.file.providers[p.name]; inFile {
			continue
		}
		if _, known := lookup(p.name); !known {
			d.at(p.line, "there is no provider %s; the catalogue has %s, and any other must stand under providers with a base_url",
				shown(p.name), strings.Join(Names(), ", "))
		}
	}
}
