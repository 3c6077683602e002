package gennostr

import (
	"errors"

	"github.com/gennostr/gennostr/internal/authn"
	"github.com/gennostr/gennostr/nostr"
)

// AUTH (NIP-42): who a client is to a relay, and when it says so.

// AuthTiming says when a relay's challenge is answered.
type AuthTiming uint8

const (
	// AuthDefault: at once, for a relay that the program has added, or whose information
	// document (NIP-11) says that it serves nobody else; when needed, for a guest ([On]).
	AuthDefault AuthTiming = iota
	// AuthAtOnce: as soon as the challenge comes.
	AuthAtOnce
	// AuthWhenNeeded: when the relay has refused something for want of AUTH. That is sent
	// again afterwards.
	AuthWhenNeeded
	// AuthNever: not by the signers. The handler may still answer in OnAuth.
	AuthNever
)

func (t AuthTiming) String() string {
	switch t {
	case AuthDefault:
		return "default"
	case AuthAtOnce:
		return "at once"
	case AuthWhenNeeded:
		return "when needed"
	case AuthNever:
		return "never"
	}
	return "unknown"
}

// AuthDecision is what a policy ([WithAuthPolicy]) says to a challenge. The zero value
// is what happens without one.
type AuthDecision struct {
	When AuthTiming
	// As says which of the relay's signers answer, by their public keys. nil: all of
	// them. An empty list: none, as with AuthNever.
	As []nostr.PubKey
}

// Why there is no AUTH, in a *[AuthError].
var (
	// ErrNoSigner: a relay wants AUTH, there is no signer that may answer ([WithSigner]), and OnAuth has not answered either.
	ErrNoSigner = authn.ErrNoSigner
	// ErrAuthRefused: the relay has refused the AUTH, a signer's or the program's own. It is not tried again on this connection.
	ErrAuthRefused = authn.ErrRefused
)

// AuthError is a relay's AUTH that has failed (NIP-42). OnError gets one for each signer
// of a connection whose AUTH the relay refuses or does not answer within ten seconds, or
// who fails, panics, signs something else, or does not answer within ten seconds; once,
// however many subscriptions and publications have needed it. What was refused for want
// of AUTH carries one as well, which says why there is none: [SubscriptionChange].
//
// errors.Is tells [ErrAuthRefused], [ErrNoSigner], or the signer's own error.
type AuthError struct {
	URL     string       // the relay's identity, as in [Relay]
	PubKey  nostr.PubKey // the signer's; zero if it is not about one, or its key is not known
	Message string       // the relay's words about the AUTH: "prefix: text", or ""
	Err     error
}

func (e *AuthError) Error() string { return textPrefix + e.inside("") }
func (e *AuthError) inside(url string) string {
	who := ""
	if !e.PubKey.IsZero() {
		who = " as " + e.PubKey.String()
	}
	words := ""
	if e.Message != "" {
		words = ": " + brief(e.Message)
	}
	return "AUTH" + of(" to ", e.URL, url) + who + ": " + inner(e.Err, e.URL) + words
}
func (e *AuthError) Unwrap() error { return e.Err }

var (
	errNilSigner     = errors.New("gennostr: WithSigner: nil")
	errNilPolicy     = errors.New("gennostr: WithAuthPolicy: nil")
	errUndecided     = errors.New("the policy for AUTH has not decided in time")
	errSignedAnother = errors.New("the signer has not signed what it was given")
)

// WithSigner has a relay's challenges (NIP-42) answered by a signer: on every connection
// anew, with one signature for all that waits for it. What a relay refuses for want of
// AUTH, subscriptions and publications, is sent again when it has accepted one; what was
// sent with [Self.Send] is not. Given several times there are several identities, and all
// of them answer unless [WithAuthPolicy] says which; an event is published with an AUTH
// of its author where that is one of them. Some relays know only one identity for each
// connection, and refuse the others: what needs one of these is sent once more with what
// the relay has accepted.
//
// The signers that are given to AddRelay and its like take the place of those that are
// given to [Start], which that relay does not get to see.
//
// A signer may be slow or remote: it is asked on a goroutine of its own, one question at
// a time for each relay, with a context that ends after ten seconds or with the
// connection; meanwhile only that waits which needs it. Its public key is asked for once.
// What it signs is checked. A signer that fails is asked again when AUTH is needed again.
// OnAuth is told of every challenge in any case, and has nothing to do.
//
// Default: none. Then challenges are left to OnAuth.
func WithSigner(signer nostr.Signer) RelayOption {
	id := &identity{signer: signer} // one for all relays that share the option
	return relayOption(func(c *relayConfig) error {
		if signer == nil {
			return errNilSigner
		}
		if !c.ownSigners {
			c.ownSigners, c.signers = true, nil
		}
		c.ownAuth = true
		c.signers = append(c.signers[:len(c.signers):len(c.signers)], id)
		return nil
	})
}

// WithAuthPolicy has a function decide which challenges (NIP-42) are answered, when, and
// as whom. It is asked on a goroutine of its own, one call at a time for each relay
// and eight in a minute of a connection at most, after which the last decision holds. While it blocks
// there is no AUTH on that connection. If it panics, there is none either; OnError gets a
// *[AuthError] with the *[PanicError]. Without a signer it is not asked. Default:
// [AuthDefault], as all signers.
func WithAuthPolicy(policy func(relay Relay, msg AuthMessage) AuthDecision) RelayOption {
	return relayOption(func(c *relayConfig) error {
		if policy == nil {
			return errNilPolicy
		}
		c.authPolicy, c.ownAuth = policy, true
		return nil
	})
}
