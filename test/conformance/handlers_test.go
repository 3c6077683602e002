package conformance_test

import (
	"context"
	"net/http"

	"github.com/gennostr/gennostr/test/kit"

	"github.com/gennostr/gennostr"
	"github.com/gennostr/gennostr/nostr"
)

type (
	base = gennostr.BaseHandler
	self = gennostr.Self
)

// Handlers with one method that would never be called each (R40). Those of the
// required interface cannot have a wrong signature: the compiler sees to it.
type (
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

	// Typos.
	onConect        struct{ base }
	onEvnt          struct{ base }
	handelCall      struct{ base }
	onErr           struct{ base }
	onTerminated    struct{ base }
	handleCasts     struct{ base }
	handleCsat      struct{ base }
	onDisconect     struct{ base }
	onDiscnnct      struct{ base }
	handleContinu   struct{ base }
	handleContiunes struct{ base }
	onConnection    struct{ base }
	onEos           struct{ base }
	onOKs           struct{ base }
	onNotcie        struct{ base }
	onAuht          struct{ base }
	onColsed        struct{ base }
	onCounts        struct{ base }
	int_            struct{ base }
	initialise      struct{ base }
	terminat        struct{ base }
	handleInfoo     struct{ base }

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

func (*lowerEOSE) OnEose(*self, gennostr.Relay, gennostr.EOSEMessage) error    { return nil }
func (*lowerOK) OnOk(*self, gennostr.Relay, gennostr.OKMessage) error          { return nil }
func (*underscore) Handle_Cast(*self, any) error                               { return nil }
func (*handleTerminate) HandleTerminate(*self, error)                          {}
func (*onTerminate) OnTerminate(*self, error)                                  {}
func (*terminated) Terminated(*self, error)                                    {}
func (*handleInit) HandleInit(*self) error                                     { return nil }
func (*onInit) OnInit(*self) error                                             { return nil }
func (*initialize) Initialize(*self) error                                     { return nil }
func (*onCall) OnCall(*self, gennostr.From, any) error                         { return nil }
func (*onCast) OnCast(*self, any) error                                        { return nil }
func (*onInfo) OnInfo(*self, any) error                                        { return nil }
func (*onContinue) OnContinue(*self, any) error                                { return nil }
func (*handleEvent) HandleEvent(*self)                                         {}
func (*handleConnect) HandleConnect(*self)                                     {}
func (*handleDisc) HandleDisconnect(*self)                                     {}
func (*handleError) HandleError(*self)                                         {}
func (*handleEose) HandleEOSE(*self)                                           {}
func (*handleOK) HandleOK(*self)                                               {}
func (*handleNotice) HandleNotice(*self)                                       {}
func (*handleAuth) HandleAuth(*self)                                           {}
func (*handleClosed) HandleClosed(*self)                                       {}
func (*handleCount) HandleCount(*self)                                         {}
func (*onEvents) OnEvents(*self)                                               {}
func (*onConnected) OnConnected(*self)                                         {}
func (*onDisconnected) OnDisconnected(*self)                                   {}
func (*onClose) OnClose(*self)                                                 {}
func (*onConect) OnConect(*self, gennostr.Relay) error                         { return nil }
func (*onEvnt) OnEvnt(*self, gennostr.Relay, *nostr.Event) error               { return nil }
func (*handelCall) HandelCall(*self, gennostr.From, string) error              { return nil }
func (*onErr) OnErr(*self, gennostr.Relay, error) error                        { return nil }
func (*onTerminated) OnTerminated(*self, error)                                {}
func (*handleCasts) HandleCasts(*self, string) error                           { return nil }
func (*handleCsat) HandleCsat(*self, any) error                                { return nil }
func (*onDisconect) OnDisconect(*self, gennostr.Relay) error                   { return nil }
func (*onDiscnnct) OnDiscnnct(*self, gennostr.Relay, error) error              { return nil }
func (*handleContinu) HandleContinu(*self, any) error                          { return nil }
func (*handleContiunes) HandleContiunes(*self, any) error                      { return nil }
func (*onConnection) OnConnection(*self, gennostr.Relay) error                 { return nil }
func (*onEos) OnEos(*self, gennostr.Relay, gennostr.EOSEMessage) error         { return nil }
func (*onOKs) OnOKs(*self, gennostr.Relay, gennostr.OKMessage) error           { return nil }
func (*onNotcie) OnNotcie(*self, gennostr.Relay, string) error                 { return nil }
func (*onAuht) OnAuht(*self, gennostr.Relay, gennostr.AuthMessage) error       { return nil }
func (*onColsed) OnColsed(*self, gennostr.Relay, gennostr.ClosedMessage) error { return nil }
func (*onCounts) OnCounts(*self, gennostr.Relay, int64) error                  { return nil }
func (*int_) Int(*self) error                                                  { return nil }
func (*initialise) Initialise(*self)                                           {}
func (*terminat) Terminat(*self, error)                                        {}
func (*handleInfoo) HandleInfoo(*self, any) error                              { return nil }
func (*pointerMethods) HandleCast(*self, any) error                            { return nil }

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
	{&handleEvent{}, "HandleEvent(*gennostr.Self)", wantEvent},
	{&handleConnect{}, "HandleConnect(*gennostr.Self)", wantConnect},
	{&handleDisc{}, "HandleDisconnect(*gennostr.Self)", wantGone},
	{&handleError{}, "HandleError(*gennostr.Self)", wantError},
	{&handleEose{}, "HandleEOSE(*gennostr.Self)", wantEOSE},
	{&handleOK{}, "HandleOK(*gennostr.Self)", wantOK},
	{&handleNotice{}, "HandleNotice(*gennostr.Self)", wantNotice},
	{&handleAuth{}, "HandleAuth(*gennostr.Self)", wantAuth},
	{&handleClosed{}, "HandleClosed(*gennostr.Self)", wantClosed},
	{&handleCount{}, "HandleCount(*gennostr.Self)", wantCount},
	{&onEvents{}, "OnEvents(*gennostr.Self)", wantEvent},
	{&onConnected{}, "OnConnected(*gennostr.Self)", wantConnect},
	{&onDisconnected{}, "OnDisconnected(*gennostr.Self)", wantGone},
	{&onClose{}, "OnClose(*gennostr.Self)", wantClosed},

	{&onConect{}, "OnConect(*gennostr.Self, gennostr.Relay) error", wantConnect},
	{&onEvnt{}, "OnEvnt(*gennostr.Self, gennostr.Relay, *nostr.Event) error", wantEvent},
	{&handelCall{}, "HandelCall(*gennostr.Self, gennostr.From, string) error", wantCall},
	{&onErr{}, "OnErr(*gennostr.Self, gennostr.Relay, error) error", wantError},
	{&onTerminated{}, "OnTerminated(*gennostr.Self, error)", wantTerminate},
	{&handleCasts{}, "HandleCasts(*gennostr.Self, string) error", wantCast},
	{&handleCsat{}, "HandleCsat(*gennostr.Self, interface {}) error", wantCast},
	{&onDisconect{}, "OnDisconect(*gennostr.Self, gennostr.Relay) error", wantGone},
	{&onDiscnnct{}, "OnDiscnnct(*gennostr.Self, gennostr.Relay, error) error", wantGone},
	{&handleContinu{}, "HandleContinu(*gennostr.Self, interface {}) error", wantContinue},
	{&handleContiunes{}, "HandleContiunes(*gennostr.Self, interface {}) error", wantContinue},
	{&onConnection{}, "OnConnection(*gennostr.Self, gennostr.Relay) error", wantConnect},
	{&onEos{}, "OnEos(*gennostr.Self, gennostr.Relay, gennostr.EOSEMessage) error", wantEOSE},
	{&onOKs{}, "OnOKs(*gennostr.Self, gennostr.Relay, gennostr.OKMessage) error", wantOK},
	{&onNotcie{}, "OnNotcie(*gennostr.Self, gennostr.Relay, string) error", wantNotice},
	{&onAuht{}, "OnAuht(*gennostr.Self, gennostr.Relay, gennostr.AuthMessage) error", wantAuth},
	{&onColsed{}, "OnColsed(*gennostr.Self, gennostr.Relay, gennostr.ClosedMessage) error", wantClosed},
	{&onCounts{}, "OnCounts(*gennostr.Self, gennostr.Relay, int64) error", wantCount},
	{&int_{}, "Int(*gennostr.Self) error", wantInit},
	{&initialise{}, "Initialise(*gennostr.Self)", wantInit},
	{&terminat{}, "Terminat(*gennostr.Self, error)", wantTerminate},
	{&handleInfoo{}, "HandleInfoo(*gennostr.Self, interface {}) error", wantInfo},

	{pointerMethods{&base{}}, wantCast + " with a pointer receiver, but is no pointer", wantCast},
}

// helpful has every callback, and methods of its own that are no callbacks: without a
// *Self they are nobody's business but for the callbacks' own names, and with one they
// are far enough from a callback's name or take something else.
type helpful struct{ *kit.Bot }

func (*helpful) Close() error                                        { return nil }
func (*helpful) Handle(string) error                                 { return nil }
func (*helpful) On(string)                                           {}
func (*helpful) Connect() error                                      { return nil }
func (*helpful) Stop()                                               {}
func (*helpful) OnClose()                                            {}
func (*helpful) OnEvents([]*nostr.Event)                             {}
func (*helpful) OnErr(error)                                         {}
func (*helpful) OnConnected() bool                                   { return false }
func (*helpful) HandleEvent(*nostr.Event) error                      { return nil }
func (*helpful) HandleError(error)                                   {}
func (*helpful) HandleAuth(http.ResponseWriter, *http.Request)       {}
func (*helpful) Initialize(string) error                             { return nil }
func (*helpful) Terminated() bool                                    { return false }
func (*helpful) Unit() string                                        { return "sat" }
func (*helpful) Int() int                                            { return 0 }
func (*helpful) Inits() int                                          { return 0 }
func (*helpful) Event(*self, string)                                 {}
func (*helpful) Count(*self) int                                     { return 0 }
func (*helpful) OnMention(*self, gennostr.Relay, *nostr.Event) error { return nil }
func (*helpful) OnMessage(*self, gennostr.Relay, string) error       { return nil }
func (*helpful) OnNote(*self, gennostr.Relay, gennostr.EventMessage) error {
	return nil
}
func (*helpful) OnReconnect(*self, gennostr.Relay) error   { return nil }
func (*helpful) OnAuthor(*self, nostr.PubKey) error        { return nil }
func (*helpful) OnClock(*self) error                       { return nil }
func (*helpful) OnOpen(*self, gennostr.Relay) error        { return nil }
func (*helpful) OnTimeout(*self) error                     { return nil }
func (*helpful) OnZap(*self, *nostr.Event) error           { return nil }
func (*helpful) HandleCash(*self, int64) error             { return nil }
func (*helpful) HandleChat(*self, gennostr.Relay) error    { return nil }
func (*helpful) HandleTask(*self, any) error               { return nil }
func (*helpful) HandlePost(*self, any) error               { return nil }
func (*helpful) HandleMail(*self, string) error            { return nil }
func (*helpful) HandleInvoice(*self, any) error            { return nil }
func (*helpful) HandleInput(*self, any) error              { return nil }
func (*helpful) HandleCommand(*self, string, string) error { return nil }
func (*helpful) HandleTimeout(*self) error                 { return nil }
func (*helpful) HandleTerm(*self, string) error            { return nil }
func (*helpful) onEvnt(*self, gennostr.Relay, gennostr.EventMessage) error {
	return nil // not exported: a handler's own, whatever its name
}

var _ = (*helpful).onEvnt

// valued has its methods on values, which is as good.
type valued struct{ *base }

func (valued) HandleCast(*self, any) error { return nil }

var acceptedHandlers = []gennostr.Handler{
	nil, &base{}, kit.NewBot(nil), &kit.Recorder{}, &helpful{kit.NewBot(nil)}, valued{&base{}}, &valued{&base{}},
	struct{ gennostr.Handler }{&base{}},
}
