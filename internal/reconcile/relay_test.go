package reconcile_test

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/internal/reconcile"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip77"
)

const epoch = 1_700_000_000

var noon = time.Unix(epoch+1_000_000, 0)

type item struct {
	at nostr.Timestamp
	id nostr.ID
}

// nth is the n-th event, dated within seconds that hold several.
func nth(n int) item {
	id := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))) // sums of ids that follow one another may be equal
	return item{nostr.Timestamp(epoch + n/3), id}
}

func setOf(t require.TestingT, items []item) *nip77.Set {
	var b nip77.Builder
	for _, i := range items {
		require.NoError(t, b.Add(i.at, i.id))
	}
	return b.Build()
}

// A relay answers as the steps want it, with what a test puts in its way.
type relay struct {
	t    require.TestingT
	has  *nip77.Set
	cap  int   // more events are too many for one session; 0: any number
	most int   // of one second no more come in pages; 0: any number
	told int64 // the cap as it is told
	// what it does not have of the very seconds that it is asked for
	notSince, notUntil bool
	loose              bool // it gives what is older than it is asked for, too
	pick               func(what string, odds int) bool

	open   int // the session, 0: none
	server *nip77.Server
	wire   []reply
	sent   int // messages of the client
	opened []reconcile.Window
	paged  []reconcile.Window
}

// A reply is on its way to the client.
type reply struct {
	session int
	payload []byte
	words   string
	max     int64
	notice  bool
	garbled bool
}

// part is what it has for a window; what has no bound is not asked for with one.
func (r *relay) part(w reconcile.Window) *nip77.Set {
	if r.notSince && w.Since > 0 {
		w.Since++
	}
	if r.notUntil && w.Until < reconcile.Forever {
		w.Until--
	}
	if r.loose {
		w.Since = 0
	}
	return r.has.Between(w.Since, w.Until)
}

func (r *relay) do(step reconcile.Step) {
	switch step.Do {
	case reconcile.Open:
		require.Zero(r.t, r.open, "a second session")
		r.opened = append(r.opened, step.Window)
		part := r.part(step.Window)
		if r.cap > 0 && part.Len() > r.cap {
			r.wire = append(r.wire, reply{session: step.Session, words: "blocked: too many query results", max: r.told})
			return
		}
		server, err := nip77.NewServer(part, nip77.MinFrameSizeLimit)
		require.NoError(r.t, err)
		r.open, r.server = step.Session, server
		r.answer(step)
	case reconcile.Send:
		if r.open != step.Session { // which the client has not read yet
			r.wire = append(r.wire, reply{session: step.Session, words: "closed: unknown subscription handle"})
			return
		}
		r.answer(step)
	case reconcile.Shut:
		if r.open == step.Session {
			r.open = 0
		}
	}
}

func (r *relay) answer(step reconcile.Step) {
	r.sent++
	lose := func(words string) {
		r.open = 0
		r.wire = append(r.wire, reply{session: step.Session, words: words})
	}
	switch {
	case r.pick("silence", 40):
	case r.pick("garbage", 40):
		r.wire = append(r.wire, reply{session: step.Session, payload: []byte{0x61, 0x80}})
	case r.pick("unreadable", 40):
		r.open = 0
		r.wire = append(r.wire, reply{session: step.Session, words: "wire: not hexadecimal", garbled: true})
	case r.pick("lost", 10):
		lose("CLOSED")
	case r.pick("busy", 20):
		lose("rate-limited: slow down")
	case r.pick("trouble", 20):
		lose("PROTOCOL-ERROR")
	case r.pick("auth", 20):
		lose("auth-required: who are you?")
	default:
		payload, err := r.server.Reconcile(step.Payload)
		require.NoError(r.t, err)
		m := reply{session: step.Session, payload: payload}
		r.wire = append(r.wire, m)
		if r.pick("twice", 20) {
			r.wire = append(r.wire, m)
		}
	}
	if r.pick("notice", 20) {
		r.wire = append(r.wire, reply{notice: true, words: "have a nice day"})
	}
}

// A client does for a machine what its owner is to do.
type client struct {
	t     require.TestingT
	m     *reconcile.Machine
	relay *relay
	now   time.Time
	up    bool
	steps int
	auth  bool // an AUTH is awaited
	page  *reconcile.Window
	came  []nostr.ID
}

func (c *client) take(steps []reconcile.Step) {
	for _, step := range steps {
		switch step.Do {
		case reconcile.Open:
			require.LessOrEqual(c.t, step.Window.Since, step.Window.Until)
			c.m.Opened(c.now, step.Session)
		case reconcile.Page:
			c.relay.paged = append(c.relay.paged, step.Window)
			c.page = &step.Window
		case reconcile.Auth:
			c.auth = true
		}
		if c.up {
			c.relay.do(step)
		}
	}
}

func (c *client) down() {
	c.up, c.auth = false, false
	c.relay.open, c.relay.wire = 0, nil
	c.take(c.m.Down(c.now))
}

// step does one thing; false: there is nothing to do.
func (c *client) step() bool {
	c.steps++
	switch {
	case c.m.Done():
		return false
	case !c.up && c.relay.pick("unreachable", 60):
		c.now = c.now.Add(time.Minute)
		c.take(c.m.Rang(c.now))
		c.take(c.m.Rang(c.now.Add(2 * time.Second)))
	case !c.up:
		c.up = true
		c.take(c.m.Up(c.now, 1<<16))
	case c.relay.pick("cut", 60):
		c.down()
	case c.page != nil:
		c.pages()
	case c.auth:
		c.auth = false
		c.take(c.m.AuthDone(c.now))
	case len(c.relay.wire) > 0:
		r := c.relay.wire[0]
		c.relay.wire = c.relay.wire[1:]
		switch {
		case r.notice:
			c.m.Noticed(c.now, r.words)
		case r.garbled:
			c.take(c.m.Garbled(c.now, r.session, r.words))
		case r.payload != nil:
			c.take(c.m.Message(c.now, r.session, r.payload))
		default:
			c.take(c.m.Failed(c.now, r.session, r.words, r.max))
		}
	default:
		at, some := c.m.Next()
		require.True(c.t, some, "it waits for nothing")
		if at.After(c.now) {
			c.now = at
		}
		c.take(c.m.Rang(c.now))
	}
	return true
}

// pages brings what the relay has of a window.
func (c *client) pages() {
	w := *c.page
	c.page = nil
	part := c.relay.part(w).Between(w.Since, w.Until) // what no filter wants is refused where it comes in
	var dense []reconcile.Window
	for at, id := range part.All() {
		if n := part.Between(at, at).Len(); c.relay.most > 0 && n > c.relay.most {
			if second := (reconcile.Window{Since: at, Until: at}); !slices.Contains(dense, second) {
				dense = slices.Insert(dense, 0, second)
			}
			if id[0]%2 == 0 { // something comes
				continue
			}
		}
		if c.relay.pick("no page", 50*max(1, part.Len())) {
			c.take(c.m.Paged(c.now, reconcile.Unpaged, "a page is missing", true))
			return
		}
		if c.m.Saw(at, id) {
			c.came = append(c.came, id)
		}
	}
	if dense != nil {
		c.take(c.m.Paged(c.now, reconcile.Unpaged, "a second with a page and more", false, dense...))
		return
	}
	c.take(c.m.Paged(c.now, 0, "", false))
}

// settle lets it come to its end.
func (c *client) settle(most int) {
	for c.step() {
		require.Less(c.t, c.steps, most, "it comes to no end")
	}
}

// missing lists what the first has and the second has not, but for what lies in gaps.
func missing(of, in *nip77.Set, gaps []reconcile.Gap) (ids []nostr.ID) {
	for at, id := range of.All() {
		_, found := in.Index(at, id)
		gap := slices.ContainsFunc(gaps, func(g reconcile.Gap) bool { return at >= g.Since && at <= g.Until })
		if !found && !gap {
			ids = append(ids, id)
		}
	}
	return ids
}

func never(string, int) bool { return false }

// begin makes a machine and its relay, which do not begin yet.
func begin(t require.TestingT, ours, theirs []item, change func(*reconcile.Config, *relay)) *client {
	r := &relay{t: t, has: setOf(t, theirs), pick: never}
	cfg := reconcile.Config{Until: reconcile.Forever, Ours: setOf(t, ours), Patience: 20 * time.Second, Most: 1 << 20, FilterBytes: 40}
	if change != nil {
		change(&cfg, r)
	}
	return &client{t: t, m: reconcile.New(cfg, noon), relay: r, now: noon}
}
