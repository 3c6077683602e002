package nostrtest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gennostr/gennostr/internal/wire"
	"github.com/gennostr/gennostr/nostr/nip77"
)

// The faults of this file are of how the relay reconciles (NIP-77). NoAnswer and
// NoticeInstead, with On, are for its messages too.

// RefuseNegentropy answers NEG-OPEN and NEG-MSG with an error of this verb,
// "NEG-ERR" as NIP-77 has it or "NEG-ERROR" as khatru writes it, and this reason, such
// as "blocked: this query is too big". What was open under the id is over.
func RefuseNegentropy(verb, reason string) Fault {
	f := answerFault([]string{"NEG-OPEN", "NEG-MSG"}, func(_ *handling, m wire.ServerMessage) []answer {
		if refused, is := m.(wire.NegErr); is && verb != refused.Verb() {
			return []answer{{message: refused, raw: negErrText(verb, refused)}}
		}
		return []answer{{message: m}}
	}, "RefuseNegentropy(%q, %q)", verb, reason)
	return f.alongside(func(h *handling) { h.refusal = reason }).withText(reason)
}

// NegentropyCap refuses a NEG-OPEN for which the relay has more than n events with NEG-ERR
// "blocked:", and does not say how many may match. See Limits.NegentropyEvents for a relay
// that says so.
func NegentropyCap(n int) Fault {
	return messageFault([]string{"NEG-OPEN"}, func(h *handling) { h.negentropyCap = n }, "NegentropyCap(%d)", n).atLeastOne(n)
}

// LoseReconciliations answers NEG-OPEN and does not know of it afterwards: the client's next
// message is answered with NEG-ERR "closed:". So does khatru, now and then, with one that is
// fast; see Fault.Every.
func LoseReconciliations() Fault {
	return messageFault([]string{"NEG-OPEN"}, func(h *handling) { h.loseReconciliation = true }, "LoseReconciliations()")
}

// EndReconciliations answers NEG-MSG with NEG-ERR and this text, such as "closed: you took
// too long", and the reconciliation is over.
func EndReconciliations(text string) Fault {
	return messageFault([]string{"NEG-MSG"}, func(h *handling) { h.refusal = text }, "EndReconciliations(%q)", text).withText(text)
}

// ForgetIdleReconciliations forgets a reconciliation of which the client has said nothing for so
// long, without a word: its next message is answered with NEG-ERR "closed:".
func ForgetIdleReconciliations(d time.Duration) Fault {
	f := messageFault([]string{"NEG-OPEN"}, func(h *handling) { h.idle = d }, "ForgetIdleReconciliations(%v)", d)
	if d <= 0 {
		return f.broken("want a duration above 0")
	}
	return f
}

// NegErrVerb sends NEG-ERR under another verb, such as khatru's "NEG-ERROR".
func NegErrVerb(verb string) Fault {
	return negErrFault(func(m *outgoing, refused wire.NegErr) (string, wire.NegErr) { return verb, refused }, "NegErrVerb(%q)", verb)
}

// NegErrSays puts this text in the place of a NEG-ERR's reason that starts with a prefix
// such as "invalid" or "closed"; the empty prefix is for all. So NegErrSays("invalid",
// "PROTOCOL-ERROR") is strfry's answer to what it cannot read.
func NegErrSays(prefix, text string) Fault {
	return negErrFault(func(m *outgoing, refused wire.NegErr) (string, wire.NegErr) {
		if prefix == "" || strings.HasPrefix(refused.Reason, prefix+":") {
			refused.Reason = text
		}
		return verbOf(m.frame), refused
	}, "NegErrSays(%q, %q)", prefix, text)
}

// PrefixNegErr puts "ERROR: " before the reason of every NEG-ERR.
func PrefixNegErr() Fault {
	return negErrFault(func(m *outgoing, refused wire.NegErr) (string, wire.NegErr) {
		refused.Reason = "ERROR: " + refused.Reason
		return verbOf(m.frame), refused
	}, "PrefixNegErr()")
}

// negErrFault changes NEG-ERR and its verb. Each such fault keeps what the others have made of it,
// in whatever order they come.
func negErrFault(change func(*outgoing, wire.NegErr) (verb string, refused wire.NegErr), format string, args ...any) Fault {
	return sentFault("NEG-ERR", func(m *outgoing) {
		if refused, ok := m.message.(wire.NegErr); ok {
			verb, refused := change(m, refused)
			m.replace(answer{message: refused, raw: negErrText(verb, refused)})
		}
	}, format, args...)
}

// negErrText returns a NEG-ERR under any verb.
func negErrText(verb string, m wire.NegErr) []byte {
	name, err := json.Marshal(verb)
	if err != nil { // no string is refused
		panic(err)
	}
	_, rest, _ := strings.Cut(string(m.AppendJSON(nil)), ",")
	return fmt.Appendf(nil, "[%s,%s", name, rest)
}

// NegMsgBytes answers with a NEG-MSG of these bytes, whatever they are: nothing, garbage, a
// message that is cut short, the one byte of another version.
func NegMsgBytes(payload []byte) Fault {
	payload = slices.Clone(payload)
	return payloadFault(func(*Reconciliation) []byte { return payload }, "NegMsgBytes(%x)", payload)
}

// EndlessRanges answers every message of a reconciliation as if the relay had something else
// everywhere, and never says what: who goes on asking never ends.
func EndlessRanges() Fault { return payloadFault(endless(0), "EndlessRanges()") }

// InventedIDs is EndlessRanges with n ids of events that do not exist in each answer, never
// the same twice: who goes on asking has news for ever. A large n makes large messages, of
// 64 bytes for each id, whatever limit of a frame the relay has otherwise.
func InventedIDs(n int) Fault { return payloadFault(endless(n), "InventedIDs(%d)", n).atLeastOne(n) }

func payloadFault(payload func(*Reconciliation) []byte, format string, args ...any) Fault {
	return messageFault([]string{"NEG-OPEN", "NEG-MSG"}, func(h *handling) { h.payload = payload }, format, args...)
}

// endless makes answers of n ids in the first second of 1970, and one fingerprint, which is
// nobody's, of all that comes after.
func endless(n int) func(*Reconciliation) []byte {
	const fingerprintMode, listMode, infinity = 1, 2, 0 // P70
	const fingerprintSize, maxVarint = 16, 5
	return func(r *Reconciliation) []byte {
		seed := fmt.Appendf(nil, "%d %s %d ", r.Connection, r.SubscriptionID, r.Messages)
		out := make([]byte, 0, 2*maxVarint+n*sha256.Size+fingerprintSize)
		out = append(out, nip77.Version)
		if n > 0 {
			const second, noPrefix = 1 + 1, 0 // as a difference, and one more
			out = appendVarint(append(out, second, noPrefix, listMode), n)
			for i := range n {
				id := sha256.Sum256(binary.BigEndian.AppendUint64(seed, uint64(i)))
				out = append(out, id[:]...)
			}
		}
		fingerprint := sha256.Sum256(seed)
		out = append(out, infinity, 0, fingerprintMode)
		return append(out, fingerprint[:fingerprintSize]...)
	}
}

// appendVarint appends a number in groups of seven bits, the highest first, all but the last
// with the highest bit set (P70).
func appendVarint(dst []byte, n int) []byte {
	groups := []byte{byte(n & 0x7f)}
	for n >>= 7; n > 0; n >>= 7 {
		groups = append(groups, byte(n&0x7f)|0x80)
	}
	slices.Reverse(groups)
	return append(dst, groups...)
}
