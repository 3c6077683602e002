package nostrtest

import (
	"time"

	"github.com/gennostr/gennostr/internal/wire"
)

// The faults of this file are of what becomes of an EVENT, and of what OK says about it.

// SecondVerdict sends, behind every OK, another one for the same event with this verdict
// and text: "true" and then "false", or the other way round.
func SecondVerdict(accepted bool, text string) Fault {
	return okFault(func(ok wire.OK) []answer {
		second := wire.OK{EventID: ok.EventID, Accepted: accepted, Message: text}
		return []answer{{message: ok}, {message: second}}
	}, "SecondVerdict(%v, %q)", accepted, text)
}

// ReplacedSpellings returns what relays say of an event when they have a newer version
// of it: strfry's "replaced:" in upper and lower case, with and without a text,
// what says the same with a prefix of NIP-01, and nothing at all. Use them with
// OutdatedSays; all of them mean that trying again is of no use.
func ReplacedSpellings() []string {
	return []string{
		"replaced: have newer event", "replaced:", "Replaced: have newer event", "ERROR: replaced: have newer event", "replaced",
		"duplicate: have a newer version of this event", "invalid: a newer version exists", "blocked: replaced by a newer version", "",
	}
}

// OutdatedSays answers an event of which the relay has a newer version with this
// verdict and text, such as false and one of ReplacedSpellings.
func OutdatedSays(accepted bool, text string) Fault {
	return outcomeFault(outdated, accepted, text, "OutdatedSays")
}

// DuplicateSays answers an event that the relay has with this verdict and text.
func DuplicateSays(accepted bool, text string) Fault {
	return outcomeFault(duplicate, accepted, text, "DuplicateSays")
}

// DeletedSays answers an event that its author has deleted (NIP-09) with this verdict
// and text, such as strfry's false and "deleted: user requested deletion".
func DeletedSays(accepted bool, text string) Fault {
	return outcomeFault(gone, accepted, text, "DeletedSays")
}

// VainDeletionSays answers a deletion that has found nothing to delete with this verdict
// and text, such as false and khatru's "blocked: nothing to delete". It is stored all the same,
// and sent on if the verdict is true.
func VainDeletionSays(accepted bool, text string) Fault {
	return outcomeFault(vain, accepted, text, "VainDeletionSays")
}

func outcomeFault(of verdict, accepted bool, text, name string) Fault {
	return messageFault([]string{"EVENT"}, func(h *handling) {
		if h.outcomes == nil {
			h.outcomes = make(map[verdict]outcome)
		}
		h.outcomes[of] = outcome{accepted, text}
	}, "%s(%v, %q)", name, accepted, text)
}

// TakeDeleted takes events that their author has deleted as if they were new (NIP-09).
func TakeDeleted() Fault {
	return messageFault([]string{"EVENT"}, func(h *handling) { h.admission.deleted = true }, "TakeDeleted()")
}

// StoreTwice stores an event once more whenever it is published again: a REQ gets it as
// often.
func StoreTwice() Fault {
	return messageFault([]string{"EVENT"}, func(h *handling) { h.admission.twice = true }, "StoreTwice()")
}

// MuteUnheard answers an ephemeral event with OK false "mute:" when no subscription
// wants it, else with how many do, behind the EVENT that they get.
func MuteUnheard() Fault {
	return messageFault([]string{"EVENT"}, func(h *handling) { h.mute = true }, "MuteUnheard()")
}

// LiveBeforeOK sends an event to the subscriptions that want it, its publisher's among
// them, before the OK.
func LiveBeforeOK() Fault {
	return messageFault([]string{"EVENT"}, func(h *handling) { h.liveFirst = true }, "LiveBeforeOK()")
}

// PushOutdated sends an event to the subscriptions that want it although the relay has a
// newer version of it, and does not store it.
func PushOutdated() Fault {
	return messageFault([]string{"EVENT"}, func(h *handling) { h.liveOld = true }, "PushOutdated()")
}

// LoseBursts takes n EVENTs of a connection at once, and one more for each period that
// passes; those beyond are lost without an OK.
func LoseBursts(n int, period time.Duration) Fault {
	f := messageFault([]string{"EVENT"}, func(h *handling) {
		if !h.session.burst.take(time.Now(), n, period) {
			h.ignore = true
		}
	}, "LoseBursts(%d, %v)", n, period)
	if period <= 0 {
		return f.broken("want a period above 0")
	}
	return f.atLeastOne(n)
}
