package nostrtest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostr/nip42"
)

// sendChallenge sends a new challenge, which is the only one that counts from
// then on (P38). Challenges are made from the connection's URL, its number and
// a counter: no two are alike, and a test on a Network sees the same ones every
// time. Caller holds relay.mu.
func (s *session) sendChallenge() {
	s.challenges++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", s.url, s.number, s.challenges))
	s.challenge = hex.EncodeToString(sum[:16])
	s.reply(wire.AuthChallenge{Challenge: s.challenge})
}

// challengeIfAsked sends the first challenge before a refusal that demands one
// (P41, P42), strfry's "ERROR: " before it or not. Caller holds relay.mu.
func (s *session) challengeIfAsked(h *handling, refusal string) {
	refusal = strings.TrimPrefix(refusal, "ERROR: ")
	if s.challenge == "" && !h.noChallenge && strings.HasPrefix(refusal, wire.PrefixAuthRequired+":") {
		s.sendChallenge()
	}
}

// handleAuth answers AUTH with OK (P40). Several keys may authenticate on one
// connection (P44), with the same challenge.
func (s *session) handleAuth(h *handling, event *nostr.Event) {
	r := s.relay
	r.mu.Lock()
	challenge := s.challenge
	r.mu.Unlock()
	refusal := h.refusal
	if refusal == "" {
		if err := s.checkAuth(event, challenge, r.now(), h.exactURL); err != nil {
			refusal = "invalid: " + err.Error()
		}
	}
	if refusal != "" {
		h.reply(wire.OK{EventID: event.ID, Message: refusal})
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(s.record.Authenticated, event.PubKey) {
		s.record.Authenticated = append(s.record.Authenticated, event.PubKey)
	}
	h.reply(wire.OK{EventID: event.ID, Accepted: true})
	r.changed.ring()
}

// checkAuth holds an AUTH event to NIP-42 (P39). The relay knows how it was reached, and so
// compares the whole URL.
func (s *session) checkAuth(event *nostr.Event, challenge string, now time.Time, exactURL bool) error {
	given, own := event.Tags.Find("relay").Value(), s.url
	if exactURL {
		own = s.relay.URL()
	}
	if err := nip42.Check(event, challenge, own, nostr.TimestampOf(now)); err != nil {
		return err
	}
	if !exactURL {
		given, _ = nostr.NormalizeURL(given) // which it is: Check has compared its host
	}
	if given != own {
		return fmt.Errorf("relay tag %.128q, want %q", event.Tags.Find("relay").Value(), own)
	}
	return nil
}

func (s *session) hasAuthenticated() bool {
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	return len(s.record.Authenticated) > 0
}

func (s *session) isAuthenticated(key nostr.PubKey) bool {
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	return slices.Contains(s.record.Authenticated, key)
}

// sessionURL is the relay's URL as the client reached it, which is what its
// AUTH has to name (P15): the relay's scheme and host, the request's path and query.
func sessionURL(relayURL string, req *http.Request) string {
	base, err := nostr.NormalizeURL(relayURL) // first, for a host in punycode
	if err != nil {
		return relayURL
	}
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	u.Path, u.RawPath, u.RawQuery = req.URL.Path, req.URL.RawPath, req.URL.RawQuery
	if full, err := nostr.NormalizeURL(u.String()); err == nil {
		return full
	}
	return base
}
