package resilience

import (
	"regexp"
	"slices"
	"time"
)

// phrase is a wording that tells a class, for the statuses in which providers use it. Prompts are repeated in error texts,
// so a wording never counts for other statuses; no status (langchaingo lost it, or there was none) allows all.
type phrase struct {
	class    Class
	statuses []int
	shape    *regexp.Regexp
}

// limitWords exclude the wordings of too long requests: "rate limit reached … maximum context" is a rate limit.
var limitWords = regexp.MustCompile(`(?i)rate limit|too many requests|throttl`)

// The order matters: the first that fits decides.
var phrases = []phrase{
	{ContextLength, []int{400, 403, 413, 422, 500}, regexp.MustCompile(`(?i)prompt is too long|input is too long for requested model` +
		`|exceeds? (?:the )?(?:model's )?context (?:window|limit|length)|maximum context length|input token count.{0,80}exceeds the maximum|maximum prompt length is \d+` +
		`|reduce the length of the messages|longer than the model'?s context length|exceeds the available context size` +
		`|greater than the context length|less than (?:the )?context length|too large for model with \d+ maximum context|context[_ ]length[_ ]exceeded` +
		`|prompt too long; exceeded|with context length of only \d+ tokens|model_context_window_exceeded|tokens.{0,40}max_new_tokens.{0,20}must be <=`)},
	{Auth, []int{400, 401, 403}, regexp.MustCompile(`(?i)api key not valid|(?:invalid|incorrect|missing|expired|wrong|no)\b.{0,12}\b(?:api[ -]?key|x-api-key|auth(?:entication|orization)? (?:token|credentials|header))` +
		`|api key (?:is )?(?:invalid|expired|missing|not found|revoked|was reported)|no auth credentials|unregistered callers|authentication fails|user not found\.?$`)},
	{ContentPolicy, []int{400, 403, 422, 451}, regexp.MustCompile(`(?i)content exists risk|content filter(?:ing)? policy|content management policy|safety system|flagged (?:as|by|for)|blocked by (?:content|our|the safety)` +
		`|violat\w* .{0,60}(?:usage|content|safety) polic|(?:usage|content) polic\w+ violat|requires moderation|input may contain`)},
	{Quota, []int{400, 402, 403, 429}, regexp.MustCompile(`(?i)insufficient (?:balance|credits?|quota|funds)|exceeded your current quota|credit balance is too low|spend(?:ing)? limit|billing (?:details|hard limit|account)|usage limits?\b.{0,40}\bregain` +
		`|(?:requires|purchase|add) (?:more |additional )?credits|out of credits|credits? (?:is|are|has been|have been) (?:depleted|used up)|\bkey limit exceeded|free-models-per-day|quota (?:has been )?exhausted`)},
	{Permission, []int{400, 401, 403, 404}, regexp.MustCompile(`(?i)country, region, or territory|location is not supported|(?:does not|don't) have (?:access|permission)|not allowed to (?:sample|use|access)|data policy` +
		`|organization (?:must be verified|has been disabled|has been restricted)|has not been used in project|insufficient permissions|missing scopes`)},
	{NotFound, []int{400, 403, 404, 422}, regexp.MustCompile(`(?i)\bmodels?\b.{0,120}(?:not found|not exist|not supported for|been decommissioned|no longer (?:available|supported)|not available|been deprecated|been retired)` +
		`|(?:not a valid|invalid|unknown|no such) model|no endpoints found`)},
	{Overloaded, []int{429, 500, 502, 503, 529}, regexp.MustCompile(`(?i)overloaded|server (?:is )?busy|maximum pending requests|model.{0,80}\b(?:is )?(?:currently |still )?loading|at (?:full )?capacity|no (?:healthy upstream|available (?:workers|replicas|capacity))` +
		`|currently experiencing high demand|temporarily unavailable|insufficient capacity|over capacity|queue is full`)},
}

// textOnly are wordings that count only where no status is known.
var textOnly = []phrase{
	{RateLimit, nil, regexp.MustCompile(`(?i)\brate[- _]?limit|too many requests|throttl|resource (?:has been )?exhausted|tokens per minute|requests per minute`)},
	{EmptyResponse, nil, regexp.MustCompile(`(?i)^(?:.{0,200}: )?(?:empty response|no response|no results|no content in (?:generation )?response|none or empty|.{0,60}length of the choices slice.{0,60})\.?$`)},
	{Timeout, nil, regexp.MustCompile(`(?i)request timeout: api call exceeded deadline|context deadline exceeded|client\.timeout exceeded|i/o timeout|handshake timeout|gateway time-?out|timed out`)},
	{Canceled, nil, regexp.MustCompile(`(?i)^(?:.{0,200}: )?(?:request cancell?ed|context canceled)$`)},
	{Network, nil, regexp.MustCompile(`(?i)network error: failed to reach|connection (?:refused|reset|aborted|error)|connection was (?:closed|lost)|broken pipe|no such host|network is unreachable|no route to host|goaway` +
		`|client connection lost|http2: .{0,40}closed|stream error: stream id|server closed idle connection|transport connection broken|use of closed network connection|unexpected eof|\beof$|x509: |\btls: |certificate (?:signed|is not|has expired|verify)`)},
	{Server, nil, regexp.MustCompile(`(?i)invalid character '<'|bad gateway|internal server error|service unavailable|upstream (?:connect )?error`)},
	{Auth, nil, regexp.MustCompile(`(?i)\bunauthorized\b|authentication failed`)},
	{InvalidResponse, nil, regexp.MustCompile(`(?i)invalid character '|unexpected end of json|cannot unmarshal|parse response|bufio\.scanner: token too long|malformed (?:response|json)|invalid response`)},
}

// byPhrase decides by what the message says.
func (r *reply) byPhrase() Class {
	message := r.phrases()
	if message == "" {
		return ""
	}
	tooMany := limitWords.MatchString(message)
	for _, p := range phrases {
		if r.status >= 400 && !slices.Contains(p.statuses, r.status) || p.class == ContextLength && tooMany {
			continue
		}
		if p.class == Quota && r.willRenew() {
			continue
		}
		if p.shape.MatchString(message) {
			return p.class
		}
	}
	if r.status >= 400 {
		return ""
	}
	for _, p := range textOnly {
		if p.shape.MatchString(message) {
			return p.class
		}
	}
	return ""
}

// phrases is the part of the message in which wordings are looked for: providers say first what is wrong.
func (r *reply) phrases() string { return head(r.message, 1200) }

// willRenew says whether a "quota" is one that comes back by itself within the hour: Gemini says "You exceeded your current
// quota" for a minute's limit and adds "Please retry in 34s".
func (r *reply) willRenew() bool {
	if r.status != 429 && r.status >= 400 {
		return false
	}
	d, ok := afterInText(r.message, time.Now())
	return ok && d <= shortRenewal
}
