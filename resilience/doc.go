// Package resilience decides what is done about a failed model call.
//
// An error has a [Class]. [Classify] finds it by type, status, headers and the body's error code, and by text last;
// [FromHTTP] builds the typed [*Error] from a provider's answer, and [Allowances] reads what it says is left of its limits.
// A [Policy] maps each class to a [Rule]: how often to try again, how long to wait, when to switch to another provider.
// [Retry] runs a function under a policy. A [Check] judges an answer that arrived.
//
// [Hooks], carried by a context, let the engine of a run watch and steer the calls made under it without either side
// importing the other. Every wait goes through [Sleep] or [Await], so that a pause ends it at once.
package resilience
