package model_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// The other side of the comparison: a real client over relays in memory, in
// virtual time, and what it did in the oracle's words. Nothing here may end the
// test: a violation is a text that is reported once the bubble has ended.

var (
	errBoom = errors.New("boom")
	errPlug = errors.New("the plug was pulled")

	// errStorm ends a client that calls back without end and without time passing:
	// in virtual time nobody else would.
	errStorm = errors.New("a storm of callbacks")
)

const (
	stormAt    = 10_000 // callbacks; a program has some hundreds
	modelNotes = 200    // events; few programs publish more, and they go without
)

// modelEvents are signed once: that is what takes the time.
type modelEvents struct {
	notes  []*nostr.Event
	poison map[string]*nostr.Event
}

func newModelEvents() modelEvents {
	e := modelEvents{notes: kit.TextNotes(modelNotes), poison: map[string]*nostr.Event{}}
	for _, how := range []string{fails, ends, panics} {
		e.poison[how] = nostrtest.TextNoteAt(1_600_000_000, nostrtest.Key(1), how)
	}
	return e
}

// world is a client and all that it deals with, inside a bubble.
type world struct {
	plan    *program
	events  modelEvents
	noted   int // events published
	network *nostrtest.Network
	relays  [len(modelNames)]*nostrtest.Relay
	client  *gennostr.Client
	cancel  context.CancelCauseFunc
	handler *kit.Bot
	began   time.Time
	gate    chan struct{} // a blocked handler waits for a token; closed at the end
	results *kit.Recorder // of what does not return at once: Call, Stop, Wait

	// client's goroutine only
	kept      []func() // answers that the next cast gives
	callbacks int

	// what has been looked at
	noteSeen, resultSeen int
	frameSeen, dialSeen  [len(modelNames)]int
}

// demand is what the tests call, cast and notify with.
type demand struct {
	number int
	how    string
}

func (d demand) String() string { return fmt.Sprint(d.number) }

// leisurely is a verifier that takes everything, and its time: the last events
// of a connection are still on their way when it ends.
type leisurely struct{}

func (leisurely) VerifySignature(nostr.PubKey, nostr.ID, nostr.Sig) error {
	for range 10 {
		runtime.Gosched()
	}
	return nil
}

func newWorld(t *testing.T, plan *program, events modelEvents, opts ...gennostr.Option) (*world, error) {
	w := &world{
		plan: plan, events: events, network: nostrtest.NewNetwork(t), began: time.Now(),
		gate: make(chan struct{}), results: &kit.Recorder{},
	}
	var initial []string
	for at := range w.relays {
		w.relays[at] = w.network.NewRelay(modelURL(at), nostrtest.WithLog(func(string, ...any) {}))
		if plan.initial&(1<<at) != 0 {
			initial = append(initial, modelURL(at))
		}
	}
	var ctx context.Context
	ctx, w.cancel = context.WithCancelCause(context.Background())
	w.handler = kit.NewBot(w.callback)
	opts = append(kit.Over(w.network, opts...), kit.Quietly(), gennostr.WithRelays(initial...),
		gennostr.WithHandshakeTimeout(modelHandshake), gennostr.WithVerifier(leisurely{}))
	client, err := gennostr.Start(ctx, w.handler, opts...)
	if err != nil {
		w.cancel(nil)
		return nil, err
	}
	w.client = client
	go func() { w.result("client", "Wait "+kindOf(client.Wait())) }() // ends with the client
	return w, nil
}

// finish lets nothing survive the bubble, whatever has gone wrong.
func (w *world) finish() {
	close(w.gate)
	_ = w.client.Stop(context.Background())
	<-w.client.Done()
	w.cancel(nil)
	time.Sleep(time.Minute) // virtual: a Call that was not answered has to time out in here
}

// callback is the handler.
func (w *world) callback(self *gennostr.Self, n kit.Note) error {
	if w.callbacks++; w.callbacks > stormAt {
		return gennostr.Stop(errStorm)
	}
	switch msg := n.Msg.(type) {
	case kit.Asked:
		return w.called(msg.From, msg.Request.(demand))
	case demand:
		if n.Name == "HandleCast" {
			return w.cast(self, msg)
		}
	case gennostr.EventMessage:
		switch msg.Event.Content {
		case fails:
			return errBoom
		case ends:
			return gennostr.Stop(errBoom)
		case panics:
			panic(errBoom)
		}
	}
	switch n.Name {
	case "OnConnect":
		self.Send(n.Relay.URL, kit.Everything("all"))
	case "OnDisconnect":
		w.wish(self, n.Relay)
	case "Terminate":
		self.Broadcast(gennostr.Close{SubscriptionID: "farewell"})
	}
	return nil
}

func (w *world) called(from gennostr.From, d demand) error {
	switch d.how {
	case justSo:
		return from.Reply(d.number)
	case fails:
		return errBoom
	case kept:
		w.kept = append(w.kept, func() { _ = from.Reply(d.number) })
	case ends:
		_ = from.Reply(d.number)
		return gennostr.ErrStop
	}
	return nil
}

func (w *world) cast(self *gennostr.Self, d demand) error {
	for _, reply := range w.kept {
		reply()
	}
	w.kept = nil
	switch d.how {
	case fails:
		return errBoom
	case ends:
		return gennostr.Stop(errBoom)
	case blocks:
		<-w.gate
	case remind:
		self.SendAfter(remindAfter, d)
	}
	return nil
}

func (w *world) wish(self *gennostr.Self, relay gennostr.Relay) {
	switch wish := w.plan.wishes[relayAt(relay.URL)]; wish {
	case wishAdd, wishAddManual:
		err := self.AddRelay(relay.URL, manually(wish == wishAddManual)...)
		_ = w.handler.Note(self, "wish", relay, err)
	case wishRemove:
		self.RemoveRelay(relay.URL)
	case wishReconnect:
		self.Reconnect(relay.URL)
	}
}

func relayAt(url string) int { return strings.Index(modelNames, url[len("wss://"):][:1]) }

func manually(manual bool) []gennostr.RelayOption {
	if manual {
		return []gennostr.RelayOption{gennostr.WithManualReconnect()}
	}
	return nil
}

// do does one operation and says what it has answered at once.
func (w *world) do(o operation) string {
	relay, url, opts := w.relays[o.relay], modelURL(o.relay), manually(o.manual)
	d := demand{o.number, o.how}
	tell := gennostr.Close{SubscriptionID: fmt.Sprint(o.number)}
	count := gennostr.CountReq{SubscriptionID: fmt.Sprint(o.number), Filters: []nostr.Filter{{}}}
	switch o.action {
	case doAdd:
		return kindOf(w.client.AddRelay(url, opts...))
	case doEnsure:
		added, err := w.client.EnsureRelay(url, opts...)
		if err == nil && !added {
			return "exists"
		}
		return kindOf(err)
	case doSet:
		var urls []string
		for at := range w.relays {
			if o.some&(1<<at) != 0 {
				urls = append(urls, modelURL(at))
			}
		}
		return kindOf(w.client.SetRelays(urls, opts...))
	case doRemove:
		return kindOf(w.client.RemoveRelay(url))
	case doReconnect:
		return kindOf(w.client.Reconnect(url))
	case doCount:
		return kindOf(w.client.Send(url, count))
	case doTell:
		return kindOf(w.client.Send(url, tell))
	case doLast:
		return kindOf(w.client.Send(url, tell)) + ", " + kindOf(w.client.RemoveRelay(url))
	case doRequest:
		return kindOf(w.client.Send(url, kit.Everything("all")))
	case doUnrequest:
		return kindOf(w.client.Send(url, gennostr.Close{SubscriptionID: "all"}))
	case doBroadcast:
		return kindOf(w.client.Broadcast(count))
	case doCall:
		go func() { // ends with the answer, or with the client
			answer, err := w.client.Call(context.Background(), d)
			if err == nil {
				w.result(fmt.Sprint("call ", o.number), fmt.Sprint(answer))
			} else {
				w.result(fmt.Sprint("call ", o.number), kindOf(err))
			}
		}()
	case doCast:
		return kindOf(w.client.Cast(d))
	case doNotify:
		return kindOf(w.client.Notify(d))
	case doStop:
		go func() { // ends with the client
			w.result(fmt.Sprint("Stop ", o.number), kindOf(w.client.Stop(context.Background())))
		}()
	case doCancel:
		w.cancel(errPlug)
	case doKill:
		relay.Stop()
	case doRestart:
		return kindOf(relay.Restart())
	case doCut:
		relay.DisconnectAll()
	case doClose:
		relay.Push(w.take(o.count)...)
		for _, c := range relay.Connections() {
			relay.CloseConnection(c.Number, o.code, "")
		}
	case doBye:
		relay.Push(w.take(o.count)...)
		relay.StopGracefully(o.code, "")
	case doPublish:
		relay.Publish(w.take(o.count)...)
	case doPoison:
		relay.Push(w.events.poison[o.how])
	case doHold:
		w.network.HoldDials(url)
	case doRelease:
		w.network.ReleaseDials(url)
	case doPartition:
		w.network.Partition(url)
	case doHeal:
		w.network.Heal(url)
	case doSleep:
		time.Sleep(o.wait) // virtual
	case doUnblock:
		select {
		case w.gate <- struct{}{}:
		default:
		}
	}
	return "ok"
}

// take is the next n events, fewer when all are used up.
func (w *world) take(n int) []*nostr.Event {
	if n == 0 {
		return nil // in bursts it is not this goroutine's turn
	}
	from := min(w.noted, len(w.events.notes))
	w.noted += n
	return w.events.notes[from:min(w.noted, len(w.events.notes))]
}

func (w *world) result(who, what string) { _ = w.results.Note(nil, who, gennostr.Relay{}, what) }

// look tells what has happened since the last look, in the oracle's words.
func (w *world) look() map[string][]string {
	story := map[string][]string{}
	say := func(who, what string) { story[who] = append(story[who], what) }
	notes := w.handler.All()
	for _, n := range notes[w.noteSeen:] {
		who := n.Relay.URL
		if who == "" {
			who = "client"
		}
		if n.Name != "Init" {
			say(who, w.phrase(n))
		}
	}
	w.noteSeen = len(notes)
	results := w.results.All()
	for _, n := range results[w.resultSeen:] {
		say(n.Name, n.Msg.(string))
	}
	w.resultSeen = len(results)
	for at, relay := range w.relays {
		frames := relay.Received()
		for _, m := range frames[w.frameSeen[at]:] {
			say("received by "+modelURL(at), m.Verb+" "+m.SubscriptionID)
		}
		w.frameSeen[at] = len(frames)
		for ; w.dialSeen[at] < relay.ConnectionCount(); w.dialSeen[at]++ {
			say("dials of "+modelURL(at), "connection")
		}
	}
	return story
}

func (w *world) phrase(n kit.Note) string {
	since := ""
	if !n.Relay.ConnectedAt.IsZero() {
		since = fmt.Sprint(" since ", n.Relay.ConnectedAt.Sub(w.began))
	}
	number := fmt.Sprint(" #", n.Relay.Attempts)
	switch msg := n.Msg.(type) {
	case nil:
		if n.Name == "wish" {
			return "wish ok"
		}
		return n.Name + number
	case kit.Asked:
		return fmt.Sprint(n.Name, " ", msg.Request)
	case gennostr.EventMessage:
		return fmt.Sprint(n.Name, " ", msg.Phase, " ", msg.Event.Content)
	case gennostr.EOSEMessage:
		return n.Name
	case gennostr.CountMessage:
		return fmt.Sprint(n.Name, " ", msg.SubscriptionID, " = ", msg.Count)
	case error:
		var send *gennostr.SendError
		var callback *gennostr.CallbackError
		switch {
		case errors.As(msg, &send):
			return fmt.Sprint(n.Name, " send ", wordOf(send.Message), ": ", kindOf(msg))
		case errors.As(msg, &callback):
			return n.Name + " callback " + kindOf(callback.Err)
		case n.Name == "OnError":
			return n.Name + " " + kindOf(msg) + number
		case n.Name == "OnDisconnect":
			return n.Name + " " + kindOf(msg) + number + since
		}
		return n.Name + " " + kindOf(msg)
	}
	return fmt.Sprint(n.Name, " ", n.Msg)
}

// wordOf names a message that came back.
func wordOf(m gennostr.ClientMessage) string {
	switch m := m.(type) {
	case gennostr.Req:
		return "REQ " + m.SubscriptionID
	case gennostr.Close:
		return "CLOSE " + m.SubscriptionID
	case gennostr.CountReq:
		return "COUNT " + m.SubscriptionID
	}
	return fmt.Sprintf("%T", m)
}

// kindOf puts an error into the oracle's words.
func kindOf(err error) string {
	var closed *gennostr.CloseError
	var dial *gennostr.DialError
	var timeout *gennostr.CallTimeoutError
	var panicked *gennostr.PanicError
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, gennostr.ErrClientClosed): // it wraps the reason
		return "closed"
	case errors.As(err, &panicked):
		return "panic"
	case errors.Is(err, gennostr.ErrRelayExists):
		return "exists"
	case errors.Is(err, gennostr.ErrUnknownRelay):
		return "unknown"
	case errors.Is(err, gennostr.ErrNotConnected):
		return "not connected"
	case errors.Is(err, gennostr.ErrNoRelay):
		return "no relay"
	case errors.Is(err, gennostr.ErrRelayRemoved):
		return "removed"
	case errors.As(err, &timeout):
		return "timeout"
	case errors.As(err, &closed):
		return fmt.Sprint("closed ", closed.Code)
	case errors.As(err, &dial) && errors.Is(err, gennostr.ErrHandshakeTimeout):
		return "dial timeout"
	case errors.As(err, &dial):
		return "dial refused"
	case errors.Is(err, errBoom):
		return "boom"
	case errors.Is(err, errPlug):
		return "plug"
	case errors.Is(err, gennostr.ErrStop):
		return "stop"
	case errors.Is(err, gennostr.ErrShutdown):
		return "shutdown"
	case strings.HasPrefix(err.Error(), "gennostr: connection lost: "): // what the network said, whatever that was
		return "lost"
	}
	return err.Error()
}

// list is Relays in the oracle's words.
func (w *world) list() (list []string) {
	for _, r := range w.client.Relays() {
		next := time.Duration(-1)
		if !r.NextAttempt.IsZero() {
			next = r.NextAttempt.Sub(w.began)
		}
		list = append(list, relayLine(r.URL, r.State, r.Attempts, r.Connects, next))
	}
	return list
}
