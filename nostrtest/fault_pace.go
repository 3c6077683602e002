package nostrtest

import "time"

// The faults of this file are of when the relay handles what it hears.

// SlowAnswers takes so much time to handle each message, while those behind it wait,
// pings among them. It is for every verb; see On.
func SlowAnswers(d time.Duration) Fault {
	return messageFault(nil, func(h *handling) { h.wait += d }, "SlowAnswers(%v)", d)
}

// Overtaken handles messages so much later, while those behind them are handled at once,
// so that answers overtake each other. It is for every verb; see On.
func Overtaken(d time.Duration) Fault {
	return messageFault(nil, func(h *handling) { h.later += d }, "Overtaken(%v)", d)
}

// ReadPace reads n messages a second from a connection, evenly: what comes faster waits
// in the buffers in between, pings among it. It is for every verb; see On.
func ReadPace(n int) Fault {
	f := messageFault(nil, func(h *handling) {
		h.wait += h.session.pace.wait(time.Now(), 1, time.Second/time.Duration(n))
	}, "ReadPace(%d)", n)
	return f.atLeastOne(n)
}

// Queued handles messages so much later, in their order, while the relay goes on
// reading. What has not been handled when the connection ends is dropped: a client
// that publishes and leaves at once has published nothing. It is for every verb; see On.
func Queued(d time.Duration) Fault {
	f := messageFault(nil, func(h *handling) { h.later += d }, "Queued(%v)", d)
	if d <= 0 {
		return f.broken("want a time above 0")
	}
	return f
}

// NoticeForUnreadable answers what cannot be parsed with NOTICE, also where the message
// names a subscription or an event whose answer the client waits for.
func NoticeForUnreadable() Fault {
	return messageFault(nil, func(h *handling) { h.badNotice = true }, "NoticeForUnreadable()")
}
