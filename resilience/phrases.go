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
var limitWords = regexp.MustCompile(`(?i)rate limit|too many (?:concurrent )?requests|throttl`)

// The order matters: the first that fits decides.
var phrases = []phrase{
	{ContextLength, []int{400, 403, 413, 422}, regexp.MustCompile(`(?i)prompt (?:is |was )?too (?:long|large)|context (?:window )?overflow|input is too long|exceeds? (?:the |its )?(?:model'?s? |maximum |max |available |allowed )?context (?:window|limit|length|size)` +
		`|maximum context length|context (?:window|limit|length|size)(?: \d+)? (?:is |was |has been )?exceeded|input token count.{0,80}(?:exceeds the maximum|only supports up to)|maximum prompt length is \d+|exceeded model token limit` +
		`|reduce (?:the length of (?:the|your) (?:input |prompt )?(?:messages?|prompt|input)|your prompt;|the (?:prompt|input) (?:length|size))|longer than the model'?s context length` +
		`|greater than the context length|less than (?:the )?context length|too large for model with \d+ maximum context|context[_ ]length[_ ]exceeded|exceeds? (?:the )?(?:maximum|max) (?:number of )?(?:input |prompt |allowed |total )?(?:tokens|input length|sequence length)` +
		`|with context length of only \d+ tokens|model_context_window_exceeded|tokens.{0,40}max_new_tokens.{0,20}must be <=|must have less than \d+ tokens` +
		`|too many (?:input|prompt) tokens|too many tokens: (?:total|size|multi|minimal|input|prompt)|(?:payload|body|request|message|input) size exceeds|range of input length should be|over the maximum context|tokens exceeds? the (?:limit|maximum) for|context limit is \d+|超长|最大 ?token|上下文.{0,12}(?:长度|过长|超出|超限|超过)`)},
	// Ollama and Gemini report it as their own failure, and a local server as not found; only what says that it is exceeded counts.
	{ContextLength, []int{404, 500}, regexp.MustCompile(`(?i)prompt (?:is )?too long|exceeds? (?:the |its |max |maximum |available )*context|context (?:length|limit|window)? ?exceeded|context limit is \d+|input token count.{0,80}exceeds|exceeds? (?:the )?maximum number of (?:input )?tokens`)},
	{ContextLength, []int{429}, regexp.MustCompile(`(?i)required for long context`)}, // Anthropic: too long for this plan
	{Permission, []int{401, 403}, regexp.MustCompile(`(?i)\bip (?:address )?(?:is )?not (?:allowed|authorized|permitted)|\bkey (?:is )?not allowed to|lacks the required|not authorized to perform`)},
	{RateLimit, []int{403}, regexp.MustCompile(`(?i)\brate limit (?:exceeded|reached)|too many requests`)},
	{Quota, []int{403}, regexp.MustCompile(`(?i)payment.instrument|payment method`)},
	{Auth, []int{400, 401, 403, 498}, regexp.MustCompile(`(?i)api key not valid|(?:invalid|incorrect|missing|expired|wrong|no)\b.{0,24}\b(?:api[ -]?(?:key|token)|x-api-key|(?:access|bearer) token|auth(?:entication|orization)? (?:token|credentials|header))` +
		`|(?:api[ -]?(?:key|token)|\b(?:access|auth|bearer|oauth|security|session|identity)\b[- ]token|credentials?)\b.{0,40}\b(?:invalid|expired|missing|not valid|not found|revoked|was reported|incorrect|unrecognized)` +
		`|\bno (?:auth |valid )?credentials\b|failed to authenticate|\boauth\b.{0,20}\bexpired|unregistered callers|authentication (?:fails|failed|error)|user not found\.?$|subscription key|signature.{0,30}does not match|missing authentication token|valid api key\b|^invalid token\b|login fail`)},
	{ContentPolicy, []int{400, 403, 422, 446, 451, 498}, regexp.MustCompile(`(?i)content exists risk|content filter(?:ing)? policy|content[- ]filter(?:ing|s)? (?:was |is |has )?(?:been )?(?:trigger|block|reject|flag)|content management policy|safety (?:system|filter)|flagged (?:as|by|for|because)|blocked by (?:content|our|the safety|safety)` +
		`|violat\w* .{0,60}(?:usage|content|safety|use) (?:polic|guidelines)|(?:usage|content) polic\w+ violat|requires moderation|input (?:data )?may contain|might contain (?:nsfw|inappropriate)|blocked (?:input|output|content)|deny-?listed|guardrails? (?:checks?|interven|block|fail)|by (?:a |the |your )?guardrail|prompt injection|(?:inappropriate|sensitive|prohibited) content|content (?:was |is )?blocked|unsafe (?:request|content)`)},
	{Quota, []int{400, 401, 402, 403, 412, 429}, regexp.MustCompile(`(?i)insufficient (?:\w+ (?:or \w+ )?)?(?:balance|credits?|quota|funds)|exceeded your current quota|credit balance (?:is )?too low|spend(?:ing)? limit|billing (?:details|hard limit|account)|usage limits?\b.{0,40}\b(?:regain|reached)` +
		`|(?:requires|purchase|add) (?:more |additional )?credits|out of (?:extra |call volume )?(?:credits?|usage|quota)|credits? (?:is|are|has been|have been) (?:depleted|used up|exhausted)|(?:credit|\bkey) limit (?:exceeded|reached)|free-models-per-day|quota (?:has been )?exhausted` +
		`|quota will be replenished|check your (?:quota and|plan and) billing|over budget|budget (?:limit )?(?:has been |is |was )?exceeded|no (?:more )?credits? (?:left|remaining|available)|exceeds? (?:the|your) service quota|maximum billing|inactive subscription|(?:reached|exceeded) (?:your|the|its) (?:monthly|daily|weekly)|(?:额度|配额|余额).{0,4}(?:不足|已?用[尽完]|耗尽)|欠费`)},
	{NotFound, []int{404}, regexp.MustCompile(`(?i)\b(?:not found|(?:does|do) not exist)\b`)},                        // before "or you do not have access to it"
	{Quota, []int{400, 402, 403}, regexp.MustCompile(`(?i)\bquota\b.{0,30}\bexceeded|\bexceeded\b.{0,30}\bquota\b`)}, // with 429 it may be a minute's
	{Permission, []int{400, 401, 403, 404}, regexp.MustCompile(`(?i)country, region, or territory|(?:location|region|country) is not supported|not available in your (?:country|region)|(?:does not|don't|do not) have (?:access|permission)|not allowed to (?:sample|use|access|consume)|data policy` +
		`|organization (?:must be verified|has been disabled|has been restricted)|has not been used in project|insufficient permissions|missing scopes|not authorized to|permission is required|request not allowed|use case details have not been submitted`)},
	{NotFound, []int{400, 403, 404, 422}, regexp.MustCompile(`(?i)\bmodels?\b.{0,120}(?:not found|not exist|not supported for|been decommissioned|no longer (?:available|supported)|not available|been deprecated|been retired|end of its life)` +
		`|(?:not a valid|invalid|unknown|unavailable|no such) model|\bmodels?\b.{0,60}is not supported by any|model identifier is invalid|no endpoints found`)},
	{Overloaded, []int{429, 500, 502, 503, 529}, regexp.MustCompile(`(?i)overloaded|(?:server|service|model|system|engine)s? (?:is |are )?(?:currently |too )?busy|maximum pending requests|model.{0,80}\b(?:is )?(?:currently |still )?loading|\b(?:is|are|currently|running) at (?:full |maximum )?capacity|no (?:healthy upstream|available (?:workers|replicas|capacity))` +
		`|experiencing high (?:demand|load|traffic)|temporarily unavailable|insufficient capacity|over capacity|capacity (?:temporarily )?exceeded|queue is full|not ready to serve|out of capacity`)},
}

// textOnly are wordings that count only where no status is known.
var textOnly = []phrase{
	{InvalidRequest, nil, regexp.MustCompile(`(?i)unsupported protocol scheme|missing protocol scheme|no host in request url|invalid (?:url|character .{0,20} in host name|port\b)|invalid control character in url|missing '?\]'? in host|does not support (?:tools|images|thinking|chat|generate)`)},
	{Network, nil, regexp.MustCompile(`(?i)dial tcp: lookup `)}, // a name server that is silent too
	{Timeout, nil, regexp.MustCompile(`(?i)\betimedout\b|超时|request timeout: api call exceeded deadline|context deadline exceeded|client\.timeout exceeded|i/o timeout|handshake timeout|timeout awaiting|gateway time-?out`)},
	{Quota, nil, regexp.MustCompile(`(?i)\b(?:daily|weekly|monthly) (?:\w+ )?limit (?:\w+ )?(?:reached|exceeded|exhausted)|\bpayment required$`)},
	{RateLimit, nil, regexp.MustCompile(`(?i)\brate[- _]?limit|too many (?:concurrent )?requests|throttl|resource (?:has been )?exhausted|(?:tokens|requests|calls) ?(?:per|/) ?(?:second|minute|hour)|enhance_your_calm|(?:hourly|session|reached your) usage limit|\bcooling down\b|(?:过于|太)频繁|频率(?:过高|超)`)},
	{EmptyResponse, nil, regexp.MustCompile(`(?i)^(?:.{0,200}: )?(?:empty response|no response|no results|no content in (?:generation )?response|none or empty|.{0,60}length of the choices slice.{0,60})\.?$`)},
	{ContentPolicy, nil, regexp.MustCompile(`(?i)\bblocked: (?:candidate|prompt)|finishreason(?:safety|recitation|prohibited)|blockreason`)},
	{Canceled, nil, regexp.MustCompile(`(?i)^(?:.{0,200}[:,] )?(?:request cancell?ed|context canceled)$`)},
	{Server, nil, regexp.MustCompile(`(?i)runner (?:process )?has (?:terminated|unexpectedly stopped)|requires more system memory|error was encountered while running the model|out of memory|\bcuda error|(?:error|unable|failed) (?:to )?load(?:ing)? (?:the )?model`)},
	{Network, nil, regexp.MustCompile(`(?i)network error: failed to reach|socket hang up|\bfetch failed$|\be(?:conn(?:refused|reset|aborted)|(?:host|net)unreach|hostdown|pipe)\b|\benotfound\b|\beai_again\b|connection (?:refused|reset|aborted|error)|connection was (?:closed|lost)|actively refused|forcibly closed|broken pipe|no such host|(?:network|host) is (?:unreachable|down)|no route to host|goaway|server misbehaving` +
		`|client connection lost|http2: .{0,60}|stream error: stream id|server closed idle connection|transport connection broken|use of closed network connection|unexpected eof|\beof$|x509: |\btls: |certificate (?:signed|is not|has expired|verify)` +
		`|http response to https client|malformed http|proxyconnect|socks connect|stopped after \d+ redirects|too many open files|cannot assign requested address|failure in name resolution|(?:网络|连接)(?:错误|异常|失败)`)},
	{Auth, nil, regexp.MustCompile(`(?i)proxy authentication required`)},
	{Timeout, nil, regexp.MustCompile(`(?i)\btime(?:d )?-?out\b|deadline exceeded`)},
	{Server, nil, regexp.MustCompile(`(?i)invalid character '<'|bad gateway|internal server error|upstream (?:connect )?error|(?:服务器?|内部|系统)(?:错误|异常)`)},
	{Overloaded, nil, regexp.MustCompile(`(?i)service (?:is )?(?:currently |temporarily )?unavailable|(?:服务|模型|系统).{0,4}(?:繁忙|过载|负载过高)`)},
	{Auth, nil, regexp.MustCompile(`(?i)\bunauthorized\b|authentication failed|(?:认证|鉴权)失败|密钥(?:无效|错误)`)},
	{Permission, nil, regexp.MustCompile(`(?i)\baccess ?denied\b|permission denied on|: forbidden$|not authorized to|无权(?:访问|限)|没有权限`)},
	{InvalidResponse, nil, regexp.MustCompile(`(?i)invalid character '|unexpected end of json|cannot unmarshal|parse response|bufio\.scanner: token too long|malformed (?:response|json)|invalid response|gzip: invalid|flate: corrupt`)},
}

var (
	// tooLong is how servers that nobody listed say that a request is too large: something of the request, a measure, and that
	// it exceeds what is allowed, in this or the other order.
	tooLong = regexp.MustCompile(`(?i)\b(?:input|prompt|context|request|messages?)\b[^.]{0,40}\b(?:tokens?|length|size)\b[^.]{0,60}\b(?:exceeds?|exceeded|longer than|greater than|larger than|too (?:long|large))\b` +
		`|\b(?:input|prompt|context|request)\b[^.]{0,40}\b(?:exceeds?|exceeded|longer than|larger than|too (?:long|large))\b[^.]{0,40}\b(?:tokens?|length|context|window|size)\b` +
		`|\btoken limit (?:is |was )?(?:exceeded|reached)|\b(?:above|over|beyond) the token limit`)
	// otherLimits are limits that a shorter prompt does not help against.
	otherLimits = regexp.MustCompile(`(?i)max_?(?:completion_?|output_?)?tokens|max tokens|output tokens?|completion tokens?|tokens you requested|\b(?:image|pixel|file|audio|video|tool|array|name|stop|schema|budget)`)
)

// byLength decides that a request is too long by a wording that nobody listed.
func (r *reply) byLength() Class {
	if r.status != 400 && r.status != 422 {
		return ""
	}
	message := r.phrases()
	if tooLong.MatchString(message) && !otherLimits.MatchString(message) && !limitWords.MatchString(message) {
		return ContextLength
	}
	return ""
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
	return ""
}

// byText decides by vaguer wordings, where neither a status nor a code says more.
func (r *reply) byText() Class {
	if r.status >= 400 {
		return ""
	}
	message := r.phrases()
	for _, p := range textOnly {
		if p.shape.MatchString(message) {
			return p.class
		}
	}
	return ""
}

// maxPhrases is how much of a message is looked at for wordings, in bytes: providers say first what is wrong.
const maxPhrases = 800

// quoted are quotations too long to be a name: likely the prompt, whose words are not the server's.
var quoted = regexp.MustCompile("(^|[\\s(:=\\[,])(?:'[^'{}]{40,}'|\"[^\"{}]{40,}\"|“[^”]{40,}”|`[^`]{60,}`|input_value=.{40,})($|[\\s).,:;\\]])")

// phrases is the part of the message in which wordings are looked for.
func (r *reply) phrases() string {
	if r.worded != r.message || r.wording == "" {
		r.worded, r.wording = r.message, quoted.ReplaceAllString(head(r.message, maxPhrases), "$1…$2")
	}
	return r.wording
}

// willRenew says whether a "quota" is one that comes back by itself within the hour: Gemini says "You exceeded your current
// quota" for a minute's limit and adds "Please retry in 34s".
func (r *reply) willRenew() bool {
	if r.status != 402 && perMinute.MatchString(r.phrases()) {
		return true
	}
	if r.status == 0 && slices.Contains(r.codes, "resource_exhausted") && !r.daily() { // Google's word for any limit
		return true
	}
	if r.status != 429 && r.status >= 400 {
		return false
	}
	d, ok := afterInText(r.message, time.Now())
	return ok && d <= shortRenewal
}

// perMinute are the words of a limit that renews itself soon.
var perMinute = regexp.MustCompile(`(?i)\bper[- ](?:second|min(?:ute)?|hour)\b|/ ?(?:s|sec|second|min|minute|hour)\b|\((?:TPM|RPM|RPS)\)|_per_(?:minute|second)`)
