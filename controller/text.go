package controller

import (
	"fmt"
	"strings"
	"time"
)

// drainText tells a person that a pause was asked for.
func drainText(by, reason string, limit time.Duration, resume string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Pausing (%s): calls in flight finish and are recorded.", about(by, reason))
	if limit > 0 {
		fmt.Fprintf(&b, " After %s they are cancelled.", limit)
	} else {
		b.WriteString(" Press Ctrl+C again to cancel them.")
	}
	return b.String() + resumeText(resume)
}

// cancelText tells a person that calls are being cancelled.
func cancelText(reason, resume string) string {
	return "Cancelling (" + reason + "): calls in flight end now, what is recorded stays. Press Ctrl+C again to stop at once." + resumeText(resume)
}

func resumeText(resume string) string {
	if resume == "" {
		return "\n"
	}
	return "\nTo go on later: " + resume + "\n"
}

func about(by, reason string) string {
	switch {
	case reason == "", strings.Contains(by, reason):
		return by
	case strings.Contains(reason, by):
		return reason
	}
	return by + ": " + reason
}
