// Package estimate tells how long a run still takes, from what its events tell of the work that was done.
//
// It measures the items of an Each: how long they took, and how many ran side by side. Of what never ran it knows
// nothing, and says so by name instead of guessing: a step that has not listed its items, or of whose items none has
// ended. A step of one result is known only when it ran to an end before in this run.
//
//   - An item costs what it took until it completed or failed, with all its attempts. Those still running tell
//     something too: that they take at least as long as they have run.
//   - Waits are not work. Short ones that come again and again are the pace of a provider's limits, and are counted
//     once they have come three times; a long one (an outage, a day's allowance) never is. While everything waits, the
//     rest of that wait is added.
//   - A pause, the time between two sessions, and the time that a gate waits for a person count nothing. What was
//     measured before is kept.
package estimate
