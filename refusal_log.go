package gennostr

import "time"

// refusalLog limits what BaseHandler logs of refused frames. OnError is told once a
// second, which is a line a second from a relay that sends nothing but garbage. It
// becomes a line when it begins and one a minute while it lasts, with all that was
// counted in between. Client goroutine only.
type refusalLog map[refusalKey]*refusalCount

type refusalKey struct{ relay, reason string }

type refusalCount struct {
	last  time.Time // when a line was written
	count int       // what came after it
}

const (
	refusalLogEvery = time.Minute
	maxRefusalKeys  = 1024 // relays and reasons that are remembered
)

// note adds a report. If it is time for a line, it says how many frames that is for.
func (l *refusalLog) note(relay string, e *RejectError, now time.Time) (count int, due bool) {
	key := refusalKey{relay, e.Reason.Error()}
	of := (*l)[key]
	if of == nil {
		if *l == nil {
			*l = make(refusalLog)
		}
		l.forget(now)
		of = &refusalCount{last: now.Add(-refusalLogEvery)}
		(*l)[key] = of
	}
	of.count += e.Count
	if now.Sub(of.last) < refusalLogEvery {
		return 0, false
	}
	count = of.count
	*of = refusalCount{last: now}
	return count, true
}

// forget makes room when it is needed: of those whose next line would come at once, and
// if there are none of the one whose would come first.
func (l *refusalLog) forget(now time.Time) {
	if len(*l) < maxRefusalKeys {
		return
	}
	var oldest refusalKey
	first := now.Add(time.Hour)
	for key, of := range *l {
		if now.Sub(of.last) >= refusalLogEvery {
			delete(*l, key)
		} else if of.last.Before(first) {
			oldest, first = key, of.last
		}
	}
	if len(*l) >= maxRefusalKeys {
		delete(*l, oldest)
	}
}
