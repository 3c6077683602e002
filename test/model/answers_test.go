package model_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gennostr/gennostr"
)

// The oracle's other half: what each operation does in the model and what it
// answers. How relays come and go by themselves stands in oracle_test.go.

// do is what an operation does in the model, and what it answers.
func (o *oracle) do(s operation) (answer string) {
	defer o.settle()
	at, number := s.relay, s.number
	switch s.action {
	case doAdd:
		return o.add(at, s.manual, false)
	case doEnsure:
		return o.add(at, s.manual, true)
	case doSet:
		return o.set(s.some, s.manual)
	case doRemove:
		return o.remove(at)
	case doReconnect:
		return o.reconnect(at)
	case doCount:
		return o.count(at, number)
	case doTell:
		return o.send(at, fmt.Sprint("CLOSE ", number))
	case doLast:
		return o.send(at, fmt.Sprint("CLOSE ", number)) + ", " + o.remove(at)
	case doRequest:
		return o.send(at, "REQ all")
	case doUnrequest:
		return o.send(at, "CLOSE all")
	case doBroadcast:
		if o.over {
			return "closed"
		}
		reached := false
		for at := range o.relays {
			reached = o.count(at, number) == "ok" || reached
		}
		if !reached {
			return "no relay"
		}
	case doCall:
		o.call(number, s.how)
	case doCast:
		return o.cast(number, s.how)
	case doNotify:
		if o.over {
			return "closed"
		}
		o.post(func() { o.say("client", "HandleInfo %d", number) })
	case doStop:
		o.stop(number)
	case doCancel:
		o.cancelled = true
	case doKill:
		o.servers[at].up = false
		o.lost(at, "lost")
	case doRestart:
		o.lost(at, "lost")
		o.servers[at].up = true
	case doCut:
		o.lost(at, "lost")
	case doClose:
		o.push(at, s.count, false)
		o.lost(at, fmt.Sprint("closed ", s.code))
	case doBye:
		o.push(at, s.count, false)
		o.servers[at].up = false
		o.lost(at, fmt.Sprint("closed ", s.code))
	case doPublish:
		o.push(at, s.count, true)
	case doPoison:
		o.poison(at, s.how)
	case doHold:
		o.servers[at].held = true
	case doRelease:
		o.servers[at].held = false
		if l := o.relays[at]; l != nil && l.state == dialling {
			o.dial(l)
		}
	case doSleep:
		o.sleep(s.wait)
	case doUnblock:
		o.blocked = false
	}
	return "ok"
}

// add is AddRelay; with ensure it is EnsureRelay, and "exists" means that nothing was added.
func (o *oracle) add(at int, manual, ensure bool) string {
	l := o.relays[at]
	switch {
	case o.over:
		return "closed"
	case l == nil:
		o.relays[at] = &life{at: at, manual: manual}
		o.dial(o.relays[at])
	case l.state == down:
		l.again = &manual
		o.revive(l)
	case l.again == nil && l.state == telling && (l.removed || l.manual || !ensure):
		l.again = &manual
	default:
		return "exists"
	}
	return "ok"
}

func (o *oracle) remove(at int) string {
	l := o.relays[at]
	switch {
	case o.over:
		return "closed"
	case !l.known():
		return "unknown"
	}
	l.again, l.removed = nil, true
	switch l.state {
	case resting, down:
		o.takeLeave(l)
	case dialling:
		l.last = true
		o.tell(l, "removed", &link{number: l.attempts + 1, since: -1})
	case connected:
		l.last = true
		o.servers[at].link = nil
		o.tell(l, "removed", l.link)
	case telling:
		l.last = false
	}
	return "ok"
}

func (o *oracle) reconnect(at int) string {
	l := o.relays[at]
	switch {
	case o.over:
		return "closed"
	case !l.known():
		return "unknown"
	case l.state == resting && !l.manual:
		o.dial(l)
	case l.state == down:
		l.due = o.now + l.delay
		o.rest(l)
	case l.state == telling:
		l.wanted = true
	}
	return "ok"
}

func (o *oracle) set(some int, manual bool) string {
	if o.over {
		return "closed"
	}
	for at := range o.relays {
		if some&(1<<at) != 0 {
			o.add(at, manual, true)
		} else {
			o.remove(at)
		}
	}
	return "ok"
}

// send: the relay has the message at once, and the client its answer.
func (o *oracle) send(at int, msg string) string {
	l, s := o.relays[at], &o.servers[at]
	switch {
	case o.over:
		return "closed"
	case l.known() && l.state == connected:
	case l.known():
		return "not connected"
	default:
		return "unknown"
	}
	o.say("received by "+modelURL(at), "%s", msg)
	switch msg {
	case "REQ all":
		l.link.asks++
		l.link.ask = l.link.asks
		for _, n := range slices.Backward(s.stored) {
			o.deliver(at, l.link, fmt.Sprintf("OnEvent stored note %d", n), nil)
		}
		o.deliver(at, l.link, "OnEOSE", nil)
	case "CLOSE all":
		l.link.ask = 0
	}
	return "ok"
}

// deliver: what answers a REQ is dropped if that was closed or replaced meanwhile.
func (o *oracle) deliver(at int, link *link, text string, then func()) {
	ask := link.ask
	link.useful = true
	o.post(func() {
		if ask != link.ask {
			return
		}
		o.tellRelay(at, "%s", text)
		if then != nil {
			then()
		}
	})
}

func (o *oracle) count(at, number int) string {
	why := o.send(at, fmt.Sprint("COUNT ", number))
	if why == "ok" {
		stored := len(o.servers[at].stored)
		o.post(func() { o.tellRelay(at, "OnCount %d = %d", number, stored) })
	}
	return why
}

// push: the relay sends live events. They are stored only if they are published.
func (o *oracle) push(at, count int, store bool) {
	s := &o.servers[at]
	for range min(count, modelNotes-o.noted) {
		if s.link != nil && s.link.ask > 0 {
			o.deliver(at, s.link, fmt.Sprintf("OnEvent live note %d", o.noted), nil)
		}
		if store {
			s.stored = append(s.stored, o.noted)
		}
		o.noted++
	}
}

func (o *oracle) poison(at int, how string) {
	link := o.servers[at].link
	if link == nil || link.ask == 0 {
		return
	}
	o.deliver(at, link, "OnEvent live "+how, func() {
		switch how {
		case fails:
			o.tellRelay(at, "OnError callback boom")
		case ends:
			o.end("boom")
		case panics:
			o.end("panic")
		}
	})
}

func (o *oracle) call(number int, how string) {
	o.calls[number] = o.now + modelCall
	if o.over {
		o.answer(number, "closed")
		return
	}
	o.post(func() {
		o.say("client", "HandleCall %d", number)
		switch how {
		case justSo:
			o.answer(number, fmt.Sprint(number))
		case fails:
			o.answer(number, "boom")
		case kept:
			o.keeps = append(o.keeps, number)
		case ends:
			o.answer(number, fmt.Sprint(number))
			o.end("stop")
		}
	})
}

// answer is a call's first answer, or none: later ones are dropped.
func (o *oracle) answer(number int, result string) {
	if _, ok := o.calls[number]; ok {
		delete(o.calls, number)
		o.say(fmt.Sprint("call ", number), "%s", result)
	}
}

func (o *oracle) cast(number int, how string) string {
	if o.over {
		return "closed"
	}
	o.post(func() {
		o.say("client", "HandleCast %d", number)
		for _, n := range o.keeps {
			o.answer(n, fmt.Sprint(n))
		}
		o.keeps = nil
		switch how {
		case fails:
			o.say("client", "OnError callback boom")
		case ends:
			o.end("boom")
		case blocks:
			o.blocked = true
		case remind:
			o.alarms = append(o.alarms, reminder{o.now + remindAfter, number})
		}
	})
	return "ok"
}

func (o *oracle) stop(number int) {
	if o.over {
		o.say(fmt.Sprint("Stop ", number), "ok")
		return
	}
	o.stops = append(o.stops, number)
	o.post(func() { o.end("shutdown") })
}

// end is Terminate, which says farewell to every relay, and after which nothing follows.
func (o *oracle) end(reason string) {
	o.say("client", "Terminate %s", reason)
	for at := range o.dialed { // a callback that has just returned let it be dialled
		o.unsure["dials of "+modelURL(at)], o.unsure["received by "+modelURL(at)] = true, true
	}
	for at := range o.servers {
		if o.servers[at].link != nil {
			o.say("received by "+modelURL(at), "CLOSE farewell")
		}
		o.servers[at].link = nil
	}
	for _, n := range slices.Sorted(maps.Keys(o.calls)) {
		o.answer(n, "closed")
	}
	for _, n := range o.stops {
		o.say(fmt.Sprint("Stop ", n), "ok")
	}
	switch reason {
	case "stop", "shutdown":
		reason = "ok"
	}
	o.say("client", "Wait %s", reason)
	o.over = true
	clear(o.relays[:])
	o.alarms = nil
}

// list is what Relays returns.
func (o *oracle) list() (list []string) {
	for at, l := range o.relays {
		if !l.known() {
			continue
		}
		state, next := gennostr.RelayDialing, time.Duration(-1)
		switch {
		case l.state == connected:
			state = gennostr.RelayConnected
		case l.state == down:
			state = gennostr.RelayDown
		case l.state != dialling && !l.removed:
			state, next = gennostr.RelayWaiting, l.due
		}
		list = append(list, relayLine(modelURL(at), state, l.attempts, l.connects, next))
	}
	return list
}

func relayLine(url string, state gennostr.RelayState, attempts, connects int, next time.Duration) string {
	line := fmt.Sprintf("%s %v, %d attempts, %d connections", url, state, attempts, connects)
	if next >= 0 {
		line += fmt.Sprint(", next at ", next)
	}
	return line
}
