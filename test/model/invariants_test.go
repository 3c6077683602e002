package model_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/gennostr/gennostr"
)

// What holds for every burst, whatever the timing was.

// invariants is the first promise that a burst has seen broken, "" for none.
func (b *burst) invariants(end outcome) string {
	notes := b.handler.All()
	for _, check := range []func() string{
		func() string { return b.endingKept(end) },
		func() string { return storyline(notes, b.plan.initial) },
		func() string { return b.relaysKept(end) },
		func() string { return b.callsKept(end) },
		func() string { return b.castsKept(notes, end) },
		func() string { return b.messagesKept(notes) },
		func() string { return b.eventsKept(notes, end) },
	} {
		if violation := check(); violation != "" {
			return violation
		}
	}
	return ""
}

// storyline checks the order of callbacks (DESIGN 3.4): per relay OnConnect,
// what the connection brings, OnDisconnect; OnError of the same value before
// an OnDisconnect that is an error; nothing behind OnDisconnect(ErrRelayRemoved)
// until the relay is added again; Terminate once, as the last word.
func storyline(notes []kit.Note, initial int) string {
	type telling struct {
		open         bool
		end          *kit.Note // OnError of the end: OnDisconnect has to be next
		adds, leaves int
	}
	relays := map[string]*telling{}
	for at := range modelNames {
		relays[modelURL(at)] = &telling{adds: initial >> at & 1}
	}
	for i, n := range notes {
		broken := func(what string) string {
			var before []string
			for _, n := range notes[max(0, i-8) : i+1] {
				before = append(before, fmt.Sprintf("%s %s %v", n.Name, n.Relay.URL, n.Msg))
			}
			return what + ":\n\t" + strings.Join(before, "\n\t")
		}
		if n.Name == "Terminate" && i < len(notes)-1 && slices.ContainsFunc(notes[i+1:], func(n kit.Note) bool { return n.Name != "adding" }) {
			return broken("Terminate is not the last word")
		}
		r := relays[n.Relay.URL]
		if r == nil {
			continue
		}
		if n.Name == "adding" || n.Name == "wish" {
			r.adds++
			continue
		}
		reason, _ := n.Msg.(error)
		var send *gennostr.SendError
		var dial *gennostr.DialError
		var callback *gennostr.CallbackError
		if n.Name == "OnError" && errors.As(reason, &send) {
			continue // comes when it comes
		}
		switch {
		case r.end != nil && (n.Name != "OnDisconnect" || n.Msg != r.end.Msg || n.Relay != r.end.Relay):
			return broken("OnDisconnect does not follow with the value of OnError")
		case r.leaves >= r.adds:
			return broken("a relay that was not added, or was removed")
		case n.Name == "OnConnect":
			if r.open {
				return broken("OnConnect of a connected relay")
			}
			r.open = true
		case n.Name == "OnDisconnect":
			if errors.As(reason, &dial) == r.open && !errors.Is(reason, gennostr.ErrRelayRemoved) {
				return broken("a *DialError if and only if there was no connection")
			}
			if errors.Is(reason, gennostr.ErrRelayRemoved) {
				r.leaves++
			} else if kind := kindOf(reason); r.end == nil && kind != "closed 1000" && kind != "closed 1001" {
				return broken("no OnError before OnDisconnect")
			}
			r.open, r.end = false, nil
		case n.Name == "OnError" && !errors.As(reason, &callback):
			if errors.As(reason, &dial) == r.open {
				return broken("a *DialError if and only if there was no connection")
			}
			r.end = &n
		case !r.open:
			return broken("of a relay that is not connected")
		}
	}
	return ""
}

func (b *burst) endingKept(end outcome) string {
	if end.stop != nil {
		return fmt.Sprintf("Stop: %v", end.stop)
	}
	if err := b.client.Wait(); errors.Is(err, errStorm) {
		return err.Error()
	}
	if n := len(b.handler.Named("Terminate")); n != 1 {
		return fmt.Sprintf("Terminate ran %d times", n)
	}
	for _, answer := range end.after {
		if !strings.HasSuffix(answer, ": closed") {
			return "after Stop: " + answer
		}
	}
	return ""
}

// relaysKept follows the verbs of one goroutine: which relays there are, and
// that those which reconnect by themselves are connected in the end.
func (b *burst) relaysKept(end outcome) string {
	if end.early {
		return ""
	}
	states := map[string]gennostr.RelayState{}
	for _, r := range end.relays {
		states[r.URL] = r.State
	}
	for at, wish := range b.plan.wishes {
		url := modelURL(at)
		state, listed := states[url]
		if wish == wishAdd || wish == wishAddManual || wish == wishRemove {
			continue // the handler has a say in it
		}
		left := len(slices.DeleteFunc(b.handler.Named("OnDisconnect"), func(n kit.Note) bool {
			return n.Relay.URL != url || !errors.Is(n.Msg.(error), gennostr.ErrRelayRemoved)
		}))
		removals := 0
		for g, answers := range b.answers {
			for i, answer := range answers {
				if s := b.plan.steps[g][i]; s.relay == at && s.removes(answer) {
					removals++
				}
			}
		}
		// One that was added again and removed again while its connection was closing is told once.
		if !b.uses(at, doSet) && (left > removals || left == 0 && removals > 0) {
			return fmt.Sprintf("%s: %d RemoveRelay, %d OnDisconnect(ErrRelayRemoved)", url, removals, left)
		}
		automatic := !b.manual(at)
		if len(b.answers) == 1 {
			known, surely, violation := b.follow(at)
			if violation != "" {
				return violation
			}
			if known != listed {
				return fmt.Sprintf("%s: Relays lists it: %v, want %v", url, listed, known)
			}
			automatic = surely
		}
		if listed && automatic && state != gennostr.RelayConnected {
			return fmt.Sprintf("%s: %v, although its server is up", url, state)
		}
	}
	return ""
}

// manual tells whether the relay may have been added WithManualReconnect.
func (b *burst) manual(at int) bool {
	for _, steps := range b.plan.steps {
		for _, s := range steps {
			if s.manual && (s.relay == at || s.action == doSet) {
				return true
			}
		}
	}
	return false
}

// follow is the sequential model of one relay in a burst: whether it is known,
// and whether it surely reconnects by itself.
func (b *burst) follow(at int) (known, automatic bool, violation string) {
	known = b.plan.initial&(1<<at) != 0
	automatic = true
	for i, answer := range b.answers[0] {
		s := b.plan.steps[0][i]
		ok := true
		switch {
		case s.action == doSet:
			if some := s.some&(1<<at) != 0; some != known {
				known, automatic = some, !s.manual
			}
		case s.relay != at:
		case s.action == doAdd, s.action == doEnsure: // of a known one: "ok" if its OnDisconnect is on its way
			ok = answer == "ok" || known && answer == "exists"
			if answer == "ok" {
				automatic = !s.manual
			}
			known = true
		case s.action == doRegret:
			ok = answer == "ok, ok" || known && answer == "exists, ok"
			known = false
		case s.action == doRemove, s.action == doReconnect, s.action == doLast:
			want := "unknown"
			if known {
				want = "ok"
			}
			ok = strings.HasSuffix(answer, want)
			known = known && s.action == doReconnect
		}
		if !ok {
			return known, automatic, fmt.Sprintf("%s answers %q, known: %v", s, answer, known)
		}
	}
	return known, automatic, ""
}

// callsKept: every Call has exactly one answer, and an honest one.
func (b *burst) callsKept(end outcome) string {
	for g := range b.answers {
		for _, s := range b.plan.steps[g] {
			name := fmt.Sprint(s.action, " ", s.number)
			wanted := []string{"ok"}
			switch s.action {
			default:
				continue
			case doStop:
			case doCall:
				name = fmt.Sprint("call ", s.number)
				wanted = map[string][]string{
					justSo: {fmt.Sprint(s.number)}, ends: {fmt.Sprint(s.number)}, fails: {"boom"},
					never: {"timeout"}, kept: {fmt.Sprint(s.number), "timeout"},
				}[s.how]
				if end.early {
					wanted = append(wanted, "closed")
				}
			}
			results := b.results.Named(name)
			if len(results) != 1 || !slices.Contains(wanted, results[0].Msg.(string)) {
				return fmt.Sprintf("%s: the results are %v, want one of %q", s, results, wanted)
			}
		}
	}
	return ""
}

// castsKept: what one goroutine has cast and notified arrives in that order
// and without a hole; what was accepted behind a stop may be missing.
func (b *burst) castsKept(notes []kit.Note, end outcome) string {
	for g, answers := range b.answers {
		var accepted, arrived []int
		for i, answer := range answers {
			if s := b.plan.steps[g][i]; answer == "ok" && (s.action == doCast || s.action == doNotify) {
				accepted = append(accepted, s.number)
			}
		}
		for _, n := range notes {
			d, _ := n.Msg.(demand)
			reminded := n.Name == "HandleInfo" && d.how == remind
			if (n.Name == "HandleCast" || n.Name == "HandleInfo") && !reminded && d.number/secondGoroutine == g {
				arrived = append(arrived, d.number)
			}
		}
		whole := len(arrived) == len(accepted) || end.early && len(arrived) < len(accepted)
		if !whole || !slices.Equal(arrived, accepted[:len(arrived)]) {
			return fmt.Sprintf("cast %v, arrived %v", accepted, arrived)
		}
	}
	return ""
}

// messagesKept: what Send accepted was received once by its relay, or came
// back as a *SendError. What a relay that fails had in its hands may be lost.
func (b *burst) messagesKept(notes []kit.Note) string {
	for at, relay := range b.relays {
		received := map[string]int{}
		for _, m := range relay.Received() {
			if name := m.Verb + " " + m.SubscriptionID; m.Verb != "REQ" && m.SubscriptionID != "farewell" {
				if received[name]++; received[name] > 1 {
					return fmt.Sprintf("%s received %s twice", modelURL(at), name)
				}
			}
		}
		if b.uses(at, doKill, doRestart, doCut, doClose, doBye, doPartition) {
			continue
		}
		for _, n := range notes {
			var send *gennostr.SendError
			if err, ok := n.Msg.(error); ok && errors.As(err, &send) && send.URL == modelURL(at) {
				received[wordOf(send.Message)]++
			}
		}
		for g, answers := range b.answers {
			for i, answer := range answers {
				s := b.plan.steps[g][i]
				verb := map[action]string{doCount: "COUNT", doTell: "CLOSE", doLast: "CLOSE"}[s.action]
				name := fmt.Sprint(verb, " ", s.number)
				if s.relay == at && verb != "" && strings.HasPrefix(answer, "ok") && received[name] != 1 {
					return fmt.Sprintf("%s: accepted, and neither received nor reported", s)
				}
			}
		}
	}
	return ""
}

// eventsKept: events arrive in order, each at most once, and without a hole
// within a connection; the last one on every relay that is connected in the end.
func (b *burst) eventsKept(notes []kit.Note, end outcome) string {
	for at, pushed := range b.pushed {
		next, whole := 0, false // whole: no event since OnConnect may be missing
		var arrived []string
		for _, n := range notes {
			if n.Relay.URL != modelURL(at) {
				continue
			}
			switch m := n.Msg.(type) {
			case nil:
				whole = whole && n.Name != "OnConnect"
			case gennostr.EventMessage:
				if slices.Contains([]string{fails, ends, panics}, m.Event.Content) {
					continue
				}
				i := slices.Index(pushed, m.Event.Content)
				if i < next || whole && i > next {
					return fmt.Sprintf("%s pushed %v, arrived %v and then %s", modelURL(at), pushed, arrived, m.Event.Content)
				}
				next, whole = i+1, true
				arrived = append(arrived, m.Event.Content)
			}
		}
		up := slices.ContainsFunc(end.relays, func(r gennostr.RelayStatus) bool {
			return r.URL == modelURL(at) && r.State == gennostr.RelayConnected
		})
		if up && !end.early && next != len(pushed) {
			return fmt.Sprintf("%s is connected and pushed %v, but only %v arrived", modelURL(at), pushed, arrived)
		}
	}
	return ""
}
