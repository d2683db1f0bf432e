package webhook

import (
	"bytes"
	"encoding/json"
	"strings"
)

// slackBody is what Slack's incoming webhooks take, and what many others have copied.
type slackBody struct {
	Text string `json:"text"`
}

// slackEscapes are those of Slack's own rules (https://docs.slack.dev/messaging/formatting-message-text): these three
// characters, and no others, begin links, mentions and entities.
var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// body encodes a notification.
func (f Format) body(n Notification) ([]byte, error) {
	if f == Slack {
		return encode(slackBody{slackEscapes.Replace(n.text())})
	}
	return encode(n)
}

// encode is JSON without escapes for HTML, and without a newline at the end.
func encode[T Notification | slackBody](v T) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
