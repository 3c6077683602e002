package verify_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/verify"
	"github.com/gennostr/gennostr/nostr"
)

// verdictOn is what the check says of an event, by its number.
func verdictOn(ev *nostr.Event) error {
	switch number(ev) % 8 {
	case 6:
		return errForged
	case 7:
		panic("halfway")
	}
	return nil
}

// few events there are, so that lanes have the same ones at the same time.
const few = 40

// stamped returns the event of that number.
func stamped(n int) *nostr.Event {
	ev := &nostr.Event{CreatedAt: nostr.Timestamp(n)}
	binary.BigEndian.PutUint64(ev.ID[:], uint64(n+1))
	return ev
}

// delivery is what comes out of a lane: which item, whose event has which number, -1 for none.
type delivery struct{ n, event int }

// party is a lane with its submitter, and what was delivered.
type party struct {
	*verify.Lane[delivery]
	submitted int
	delivered []delivery
	errs      []error
}

func newParty(pool *verify.Pool) *party {
	p := new(party)
	p.Lane = verify.NewLane(pool, func(d delivery, err error) {
		p.delivered, p.errs = append(p.delivered, d), append(p.errs, err)
	})
	return p
}

// pause has to be called before one waits who submits for all of them.
func pause(parties []*party) {
	for _, p := range parties {
		p.Pause()
	}
}

// submit hands in the event of that number, none if it is beyond the few.
func (p *party) submit(how func(delivery, *nostr.Event), event int) {
	d := delivery{p.submitted, event}
	p.submitted++
	if event >= few {
		d.event = -1
		how(d, nil)
		return
	}
	how(d, stamped(event))
}

// check waits until all is delivered, and looks at it: everything once, in order, each
// with its own verdict; none at all only of those that came after the end.
func (p *party) check(t *testing.T, abandoned int) {
	p.Drain()
	require.Len(t, p.delivered, p.submitted, "each once")
	for i, d := range p.delivered {
		err := p.errs[i]
		require.Equal(t, i, d.n, "in order")
		if i >= abandoned && errors.Is(err, verify.ErrStopped) {
			require.GreaterOrEqual(t, d.event, 0)
			continue
		}
		switch {
		case d.event < 0 || d.event%8 < 6:
			require.NoError(t, err, "event %d", d.event)
		case d.event%8 == 6:
			require.Equal(t, errForged, err)
		default:
			var panicked *verify.PanicError
			require.ErrorAs(t, err, &panicked)
		}
	}
}

// Lanes that share events, forge some, announce more and do not bring it, are lent a worker
// and are abandoned: what each was handed comes out in order, once, with its own verdict,
// and nothing is proven that was refused.
func FuzzLanesKeepTheirOrdersAndVerdicts(f *testing.F) {
	f.Add([]byte{1, 3, 0, 1, 4, 2, 4, 1, 50, 0, 6, 8, 7, 4, 3, 12, 5, 20, 0, 7, 16, 0, 8, 41, 24, 1, 9, 0, 2, 3, 30, 10})
	f.Add([]byte{2, 0, 0, 6, 0, 1, 8, 6, 1, 9, 24, 1, 0, 200, 5, 1, 25, 7, 40, 0, 8, 1})
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) < 2 {
			return
		}
		cfg := config(1+int(program[0]%3), verdictOn)
		cfg.MaxBatch = 1 + int(program[1]%12)
		pool := verify.NewPool(cfg)
		defer pool.Stop()
		parties := []*party{newParty(pool), newParty(pool), newParty(pool)}
		abandoned := []int{1 << 30, 1 << 30, 1 << 30} // from which item on
		for program = program[2:min(len(program), 1024)]; len(program) >= 2; program = program[2:] {
			who := int(program[0]) % len(parties)
			p, event := parties[who], int(program[1])%(few+few/4)
			switch program[0] / 8 % 12 {
			default:
				p.submit(p.Submit, event)
			case 4:
				p.submit(p.SubmitRepeat, event)
			case 5, 6:
				p.submit(p.SubmitLone, event)
			case 7:
				p.Expect()
			case 8:
				p.Pause()
			case 9:
				p.Round()
			case 10:
				pause(parties)
				p.check(t, abandoned[who])
			case 11:
				switch {
				case program[1] >= 8:
					pool.Forget()
				case abandoned[0] == 1<<30:
					pause(parties)
					for i, p := range parties {
						p.check(t, 1<<30)
						abandoned[i] = p.submitted
					}
					pool.Abandon()
				}
			}
		}
		pause(parties)
		for i, p := range parties {
			p.check(t, abandoned[i])
		}
		for n := range few {
			require.False(t, n%8 >= 6 && pool.Proven(stamped(n)), "what was refused is not proven")
		}
		require.Zero(t, pool.Awaited())
		require.Zero(t, pool.Waiting())
		require.Zero(t, pool.Suspects())
	})
}
