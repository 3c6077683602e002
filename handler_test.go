package gennostr_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// Handlers with one method that would never be called each (R40). Those of the
// required interface cannot have a wrong signature: the compiler sees to it.
type (
	base = gennostr.BaseHandler
	self = gennostr.Self

	initWithoutError       struct{ base }
	initWithContext        struct{ base }
	terminateWithError     struct{ base }
	terminateWithoutReason struct{ base }
	callWithoutFrom        struct{ base }
	callWithReply          struct{ base }
	castOfString           struct{ base }
	infoVariadic           struct{ base }
	continueWithoutSelf    struct{ base }
	closedOfString         struct{ base }
	closedByPointer        struct{ base }
	countOfInt             struct{ base }

	lowerEOSE       struct{ base }
	lowerOK         struct{ base }
	underscore      struct{ base }
	handleTerminate struct{ base }
	onTerminate     struct{ base }
	terminated      struct{ base }
	handleInit      struct{ base }
	onInit          struct{ base }
	initialize      struct{ base }
	onCall          struct{ base }
	onCast          struct{ base }
	onInfo          struct{ base }
	onContinue      struct{ base }
	handleEvent     struct{ base }
	handleConnect   struct{ base }
	handleDisc      struct{ base }
	handleError     struct{ base }
	handleEose      struct{ base }
	handleOK        struct{ base }
	handleNotice    struct{ base }
	handleAuth      struct{ base }
	handleClosed    struct{ base }
	handleCount     struct{ base }
	onEvents        struct{ base }
	onConnected     struct{ base }
	onDisconnected  struct{ base }
	onClose         struct{ base }

	// pointerMethods is given to Start as a value, which has not the methods of its pointer.
	pointerMethods struct{ *base }
)

func (*initWithoutError) Init(*self)                       {}
func (*initWithContext) Init(context.Context, *self) error { return nil }
func (*terminateWithError) Terminate(*self, error) error   { return nil }
func (*terminateWithoutReason) Terminate(*self)            {}
func (*callWithoutFrom) HandleCall(*self, any) error       { return nil }
func (*callWithReply) HandleCall(*self, gennostr.From, any) (any, error) {
	return nil, nil
}
func (*castOfString) HandleCast(*self, string) error                 { return nil }
func (*infoVariadic) HandleInfo(*self, ...any) error                 { return nil }
func (*continueWithoutSelf) HandleContinue(any) error                { return nil }
func (*closedOfString) OnClosed(*self, gennostr.Relay, string) error { return nil }
func (*closedByPointer) OnClosed(*self, gennostr.Relay, *gennostr.ClosedMessage) error {
	return nil
}
func (*countOfInt) OnCount(*self, gennostr.Relay, int64) error { return nil }

func (*lowerEOSE) OnEose(*self, gennostr.Relay, gennostr.EOSEMessage) error { return nil }
func (*lowerOK) OnOk(*self, gennostr.Relay, gennostr.OKMessage) error       { return nil }
func (*underscore) Handle_Cast(*self, any) error                            { return nil }
func (*handleTerminate) HandleTerminate(*self, error)                       {}
func (*onTerminate) OnTerminate(*self, error)                               {}
func (*terminated) Terminated(*self, error)                                 {}
func (*handleInit) HandleInit(*self) error                                  { return nil }
func (*onInit) OnInit(*self) error                                          { return nil }
func (*initialize) Initialize(*self) error                                  { return nil }
func (*onCall) OnCall(*self, gennostr.From, any) error                      { return nil }
func (*onCast) OnCast(*self, any) error                                     { return nil }
func (*onInfo) OnInfo(*self, any) error                                     { return nil }
func (*onContinue) OnContinue(*self, any) error                             { return nil }
func (*handleEvent) HandleEvent()                                           {}
func (*handleConnect) HandleConnect()                                       {}
func (*handleDisc) HandleDisconnect()                                       {}
func (*handleError) HandleError()                                           {}
func (*handleEose) HandleEOSE()                                             {}
func (*handleOK) HandleOK()                                                 {}
func (*handleNotice) HandleNotice()                                         {}
func (*handleAuth) HandleAuth()                                             {}
func (*handleClosed) HandleClosed()                                         {}
func (*handleCount) HandleCount()                                           {}
func (*onEvents) OnEvents()                                                 {}
func (*onConnected) OnConnected()                                           {}
func (*onDisconnected) OnDisconnected()                                     {}
func (*onClose) OnClose()                                                   {}
func (*pointerMethods) HandleCast(*self, any) error                         { return nil }

// The callbacks as the errors write them.
const (
	wantInit      = "Init(*gennostr.Self) error"
	wantTerminate = "Terminate(*gennostr.Self, error)"
	wantCall      = "HandleCall(*gennostr.Self, gennostr.From, interface {}) error"
	wantCast      = "HandleCast(*gennostr.Self, interface {}) error"
	wantInfo      = "HandleInfo(*gennostr.Self, interface {}) error"
	wantContinue  = "HandleContinue(*gennostr.Self, interface {}) error"
	wantClosed    = "OnClosed(*gennostr.Self, gennostr.Relay, gennostr.ClosedMessage) error"
	wantCount     = "OnCount(*gennostr.Self, gennostr.Relay, gennostr.CountMessage) error"
	wantConnect   = "OnConnect(*gennostr.Self, gennostr.Relay) error"
	wantEvent     = "OnEvent(*gennostr.Self, gennostr.Relay, gennostr.EventMessage) error"
	wantGone      = "OnDisconnect(*gennostr.Self, gennostr.Relay, error) error"
	wantError     = "OnError(*gennostr.Self, gennostr.Relay, error) error"
	wantEOSE      = "OnEOSE(*gennostr.Self, gennostr.Relay, gennostr.EOSEMessage) error"
	wantOK        = "OnOK(*gennostr.Self, gennostr.Relay, gennostr.OKMessage) error"
	wantNotice    = "OnNotice(*gennostr.Self, gennostr.Relay, gennostr.NoticeMessage) error"
	wantAuth      = "OnAuth(*gennostr.Self, gennostr.Relay, gennostr.AuthMessage) error"
)

var refusedHandlers = []struct {
	handler      gennostr.Handler
	method, want string
}{
	{&initWithoutError{}, "Init(*gennostr.Self)", wantInit},
	{&initWithContext{}, "Init(context.Context, *gennostr.Self) error", wantInit},
	{&terminateWithError{}, "Terminate(*gennostr.Self, error) error", wantTerminate},
	{&terminateWithoutReason{}, "Terminate(*gennostr.Self)", wantTerminate},
	{&callWithoutFrom{}, "HandleCall(*gennostr.Self, interface {}) error", wantCall},
	{&callWithReply{}, "HandleCall(*gennostr.Self, gennostr.From, interface {}) (interface {}, error)", wantCall},
	{&castOfString{}, "HandleCast(*gennostr.Self, string) error", wantCast},
	{&infoVariadic{}, "HandleInfo(*gennostr.Self, []interface {}) error", wantInfo},
	{&continueWithoutSelf{}, "HandleContinue(interface {}) error", wantContinue},
	{&closedOfString{}, "OnClosed(*gennostr.Self, gennostr.Relay, string) error", wantClosed},
	{&closedByPointer{}, "OnClosed(*gennostr.Self, gennostr.Relay, *gennostr.ClosedMessage) error", wantClosed},
	{&countOfInt{}, "OnCount(*gennostr.Self, gennostr.Relay, int64) error", wantCount},

	{&lowerEOSE{}, "OnEose(*gennostr.Self, gennostr.Relay, gennostr.EOSEMessage) error", wantEOSE},
	{&lowerOK{}, "OnOk(*gennostr.Self, gennostr.Relay, gennostr.OKMessage) error", wantOK},
	{&underscore{}, "Handle_Cast(*gennostr.Self, interface {}) error", wantCast},
	{&handleTerminate{}, "HandleTerminate(*gennostr.Self, error)", wantTerminate},
	{&onTerminate{}, "OnTerminate(*gennostr.Self, error)", wantTerminate},
	{&terminated{}, "Terminated(*gennostr.Self, error)", wantTerminate},
	{&handleInit{}, "HandleInit(*gennostr.Self) error", wantInit},
	{&onInit{}, "OnInit(*gennostr.Self) error", wantInit},
	{&initialize{}, "Initialize(*gennostr.Self) error", wantInit},
	{&onCall{}, "OnCall(*gennostr.Self, gennostr.From, interface {}) error", wantCall},
	{&onCast{}, "OnCast(*gennostr.Self, interface {}) error", wantCast},
	{&onInfo{}, "OnInfo(*gennostr.Self, interface {}) error", wantInfo},
	{&onContinue{}, "OnContinue(*gennostr.Self, interface {}) error", wantContinue},
	{&handleEvent{}, "HandleEvent()", wantEvent},
	{&handleConnect{}, "HandleConnect()", wantConnect},
	{&handleDisc{}, "HandleDisconnect()", wantGone},
	{&handleError{}, "HandleError()", wantError},
	{&handleEose{}, "HandleEOSE()", wantEOSE},
	{&handleOK{}, "HandleOK()", wantOK},
	{&handleNotice{}, "HandleNotice()", wantNotice},
	{&handleAuth{}, "HandleAuth()", wantAuth},
	{&handleClosed{}, "HandleClosed()", wantClosed},
	{&handleCount{}, "HandleCount()", wantCount},
	{&onEvents{}, "OnEvents()", wantEvent},
	{&onConnected{}, "OnConnected()", wantConnect},
	{&onDisconnected{}, "OnDisconnected()", wantGone},
	{&onClose{}, "OnClose()", wantClosed},

	{pointerMethods{&base{}}, wantCast + " with a pointer receiver, but is no pointer", wantCast},
}

// helpful has every callback and methods of its own.
type helpful struct{ *bot }

func (*helpful) Close() error        { return nil }
func (*helpful) Handle(string) error { return nil }
func (*helpful) On(string)           {}
func (*helpful) Connect() error      { return nil }
func (*helpful) Stop()               {}

// valued has its methods on values, which is as good.
type valued struct{ *base }

func (valued) HandleCast(*self, any) error { return nil }

var acceptedHandlers = []gennostr.Handler{
	nil, &base{}, newBot(nil), &recorder{}, &helpful{newBot(nil)}, valued{&base{}}, &valued{&base{}},
	struct{ gennostr.Handler }{&base{}},
}

// A BaseHandler lets everything pass and logs what is a problem.
func TestBaseHandlerIsSilentButForProblems(t *testing.T) {
	virtual(t, func(t *testing.T, network *nostrtest.Network) {
		const url = "wss://a.example/"
		relay := network.NewRelay(url)
		event := textNotes(1)[0]
		relay.Publish(event)
		var logged journal
		client := launch(t, &base{}, over(network, logged.option(), gennostr.WithRelays(url))...)
		require.NoError(t, client.Ready(t.Context(), 1))
		for _, msg := range []gennostr.ClientMessage{
			everything("all"), gennostr.PublishEvent{Event: event},
			gennostr.CountReq{SubscriptionID: "count", Filters: everything("").Filters},
		} {
			require.NoError(t, client.Send(url, msg))
		}
		relay.Notice("notice")
		relay.RequestAuth()
		relay.Inject(`["NEWS","of an unknown verb"]`)
		synctest.Wait()
		assert.Empty(t, logged.lines("WARN"))
		assert.Len(t, logged.lines("DEBUG"), 2, "COUNT and the unknown verb have no taker")

		relay.CloseSubscription("all", "error: tired")
		synctest.Wait()
		require.Len(t, logged.lines("WARN"), 1, "a CLOSED is never silent")
		assert.Contains(t, logged.lines("WARN")[0], "error: tired")
		assert.Contains(t, logged.lines("WARN")[0], "relay="+url)
		relay.DisconnectAll()
		synctest.Wait()
		assert.Len(t, logged.lines("WARN"), 2)
		require.NoError(t, client.Stop(t.Context()))
		assert.Empty(t, logged.lines("ERROR"))
	})
}

// careless is a bot whose HandleCast fails.
type careless struct{ base }

func (*careless) HandleCast(*self, any) error { return errors.New("broken") }

func TestBaseHandlerLogsWhatConcernsNoRelay(t *testing.T) {
	var logged journal
	client := launch(t, &careless{}, logged.option(), gennostr.WithName("careless"))
	require.NoError(t, client.Cast(nil))
	require.NoError(t, client.Stop(t.Context()))
	require.Len(t, logged.lines("WARN"), 1)
	assert.Contains(t, logged.lines("WARN")[0], "HandleCast: broken")
	assert.NotContains(t, logged.lines("WARN")[0], "relay=")
	assert.Contains(t, logged.lines("WARN")[0], "client=careless")
}

func TestRelayReadsAsItsURL(t *testing.T) {
	assert.Equal(t, "wss://a.example/", gennostr.Relay{URL: "wss://a.example/", Attempts: 3}.String())
	assert.Equal(t, gennostr.Relay{URL: "wss://a.example/"}, gennostr.Relay{URL: "wss://a.example/"}, "comparable")
}
