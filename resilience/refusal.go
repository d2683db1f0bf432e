package resilience

import (
	"regexp"
	"strings"
)

// refusalHead is how many characters at the beginning of an answer are looked at for a refusal.
const refusalHead = 200

// refusedReasons are the finish reasons, in lower case, by which providers say that a filter or the model refused.
var refusedReasons = map[string]bool{
	"content_filter": true, "refusal": true, "safety": true, "recitation": true, "blocklist": true,
	"prohibited_content": true, "spii": true, "error_toxic": true, "content_blocked": true, "image_safety": true, "content_filtered": true, "guardrail_intervened": true,
	"finishreasonsafety": true, "finishreasonrecitation": true, "finishreasonblocklist": true,
	// langchaingo's words for BLOCKLIST, PROHIBITED_CONTENT and SPII, which its enumeration lacks
	"finishreason(7)": true, "finishreason(8)": true, "finishreason(9)": true,
}

// NotRefused refuses an answer that a filter stopped, and one whose first 200 characters read like a refusal of the
// task ("I'm sorry, but I can't assist with that request", "As an AI …", "Error: …"). A story in which somebody says "I
// cannot" passes: a refusal begins the answer, outside of quotes, and speaks of the request.
func NotRefused(a Answer) error {
	failed := &CheckError{Class: ContentPolicy, Check: "not_refused"}
	if refusedReasons[strings.ToLower(strings.TrimSpace(a.FinishReason))] {
		failed.Message = "it was refused (finish reason " + a.FinishReason + ")"
		return failed
	}
	if looksRefused(a.Text) {
		failed.Message = "it reads like a refusal or an error instead of an answer"
		return failed
	}
	return nil
}

var (
	openings = regexp.MustCompile(`(?i)^(?:(?:i am|i'm) (?:very |so |really )?sorry|i (?:sincerely )?apologi[sz]e|(?:my )?apologies|sorry|unfortunately|regrettably)\b`)
	// cannot is the model saying that it will not; what follows must speak of the task.
	cannot = regexp.MustCompile(`(?i)\b(?:i|we) (?:cannot|can't|can not|won't|will not|must decline|have to decline|am (?:unable|not able) to|am not (?:comfortable|allowed|permitted))\b|\bi'm (?:unable|not able|not comfortable|not allowed)\b`)
	task   = regexp.MustCompile(`(?i)\b(?:assist|help) (?:you )?with (?:that|this|your|creating|writing|generating)\b|\b(?:your|such a) request\b|\b(?:comply|proceed|continue) with (?:this|that|the) request\b|\bfulfil?l (?:this|that|your)\b` +
		`|\b(?:my|our|content|usage|safety|community) (?:guidelines|polic(?:y|ies))\b|\b(?:this|that|such|the requested|explicit|harmful|inappropriate|copyrighted) (?:type of |kind of )?(?:content|material)\b` +
		`|\b(?:create|generate|produce|write|provide|continue)\b.{0,40}\b(?:content|material|response|scene|story)\b`)
	// couldNot is only a model's after an apology: a story told in the first person begins like that as well.
	couldNot = regexp.MustCompile(`(?i)\b(?:i|we) (?:could not|couldn't)\b`)
	// told is somebody in a story speaking, or thinking aloud, without quotation marks.
	told     = regexp.MustCompile(`(?i),["'”*_]* (?:\w+ ){0,3}(?:said|told|answered|replied|whispered|thought|typed|printed)\b`)
	ai       = regexp.MustCompile(`(?i)^(?:(?:i am|i'm) (?:just |only )?an ai|as an ai)\b`)
	errorTag = regexp.MustCompile(`^(?i:error)(?:\*\*)?:(?:\*\*)?\s`)
	sentence = regexp.MustCompile(`^[^.!?\n]*`)
)

// refusalGap is how many bytes may stand between an apology and the refusal.
const refusalGap = 80

// looksRefused says whether a text begins like a refusal.
func looksRefused(text string) bool {
	start := firstRunes(strings.TrimSpace(text), refusalHead)
	start = strings.NewReplacer("’", "'", "ʼ", "'").Replace(start)
	start = strings.TrimLeft(start, "*_# ") // markdown; a quotation mark is somebody speaking
	if errorTag.MatchString(start) || ai.MatchString(start) {
		return true
	}
	gap := 0
	if opening := openings.FindString(start); opening != "" {
		start, gap = start[len(opening):], refusalGap
	}
	at := cannot.FindStringIndex(start)
	if at == nil && gap > 0 {
		at = couldNot.FindStringIndex(start)
	}
	if at == nil || at[0] > gap {
		return false
	}
	said := sentence.FindString(start[at[0]:])
	return task.MatchString(said) && !told.MatchString(said)
}

// firstRunes returns the first n characters of a text.
func firstRunes(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}
