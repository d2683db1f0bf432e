package providers_test

import (
	"context"
	"fmt"

	"github.com/dogear-go/dogear/providers"
)

func ExampleParseConfig() { // ReadConfig reads it from a file
	config, err := providers.ParseConfig("dogear.yaml", []byte(`
chain: ["mine:large", mine]
providers:
  mine:
    base_url: http://127.0.0.1:8000/v1
    model: small
    limits: {requests_per_minute: 30, in_flight: 2}
    price: {input: 0.15, output: 0.60}
roles:
  editor: {model: small, temperature: 0.3}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	models, err := config.Models()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(models.Default)
	fmt.Println(models.Roles["editor"])

	_, err = providers.ParseConfig("dogear.yaml", []byte("chain: [groq]\nproviders:\n  groq: {key: gsk_1234}"))
	fmt.Println(err != nil) // a key does not belong into a file
	// Output:
	// mine/large, mine/small
	// mine/small
	// true
}

func ExampleConfig_Doctor() {
	all, err := (&providers.Config{}).Doctor(context.Background(), "offline") // without names: all that are configured
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range all {
		fmt.Println(d.Provider, d.Model, d.OK(), d.Fix)
	}
	// Output: offline sample-author true []
}
