package gennostr

import "time"

// What BaseHandler logs of refused frames. OnError is told once a second, which is a
// line a second from a relay that sends nothing but garbage. It becomes a line when
// it begins and one a minute while it lasts, with all that was counted in between.
// Client goroutine only.
type grumbles map[grumble]*grumbling

type grumble struct{ relay, reason string }

type grumbling struct {
	last  time.Time // when a line was written
	count int       // what came after it
}

const (
	grumbleEvery = time.Minute
	maxGrumbles  = 1024 // relays and reasons that are remembered, unless more complain within a minute
)

// note adds a report. If it is time for a line, it says how many frames that is for.
func (g *grumbles) note(relay string, e *RejectError, now time.Time) (count int, due bool) {
	key := grumble{relay, e.Reason.Error()}
	of := (*g)[key]
	if of == nil {
		if *g == nil {
			*g = make(grumbles)
		}
		g.forget(now)
		of = &grumbling{last: now.Add(-grumbleEvery)}
		(*g)[key] = of
	}
	of.count += e.Count
	if now.Sub(of.last) < grumbleEvery {
		return 0, false
	}
	count = of.count
	*of = grumbling{last: now}
	return count, true
}

// forget makes room when it is needed: of those whose next line would come at once.
func (g *grumbles) forget(now time.Time) {
	if len(*g) < maxGrumbles {
		return
	}
	for key, of := range *g {
		if now.Sub(of.last) >= grumbleEvery {
			delete(*g, key)
		}
	}
}
