//go:build !race

package interop_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	gonostr "github.com/nbd-wtf/go-nostr"
	"github.com/nbd-wtf/go-nostr/nip11"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
	"github.com/gennostr/gennostr/nostrtest"
)

// long bounds every wait; nothing takes anywhere near as long.
const long = 10 * time.Second

func ctx(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), long)
	t.Cleanup(cancel)
	return ctx
}

// connect starts a relay and connects a client to it.
func connect(t *testing.T, opts ...nostrtest.Option) (*nostrtest.Relay, *gonostr.Relay) {
	t.Helper()
	relay := nostrtest.NewRelay(t, opts...)
	return relay, dial(t, relay)
}

func dial(t *testing.T, relay *nostrtest.Relay, opts ...gonostr.RelayOption) *gonostr.Relay {
	t.Helper()
	client, err := gonostr.RelayConnect(ctx(t), relay.URL(), opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// sign makes an event with go-nostr's own hash and signature.
func sign(t *testing.T, key, at, kind int, content string, tags ...gonostr.Tag) gonostr.Event {
	t.Helper()
	event := gonostr.Event{CreatedAt: gonostr.Timestamp(at), Kind: kind, Content: content, Tags: gonostr.Tags(tags)}
	require.NoError(t, event.Sign(nostrtest.Key(key).Hex()))
	return event
}

// query returns the ids of what a filter finds. go-nostr hands events on in no
// particular order, so the ids are sorted.
func query(t *testing.T, client *gonostr.Relay, filter gonostr.Filter) []string {
	t.Helper()
	found, err := client.QuerySync(ctx(t), filter)
	require.NoError(t, err)
	ids := []string{}
	for _, event := range found {
		ids = append(ids, event.ID)
	}
	slices.Sort(ids)
	return ids
}

func ids(events ...gonostr.Event) []string {
	out := []string{}
	for _, event := range events {
		out = append(out, event.ID)
	}
	slices.Sort(out)
	return out
}

func stamp(at int) *gonostr.Timestamp {
	t := gonostr.Timestamp(at)
	return &t
}

func TestPublishedEventsAreVerifiedAndAcknowledged(t *testing.T) {
	relay, client := connect(t)
	// Every escape of P03 and P04, and what needs none: both sides have to hash the same bytes.
	content := "\"quoted\" \\ \n\r\t\b\f\x01\x1f\x7f </script> & \u2028 ünïcödé 🜁"
	event := sign(t, 1, 1000, 1, content, gonostr.Tag{"t", content}, gonostr.Tag{"e", fmt.Sprintf("%064d", 7), "", "root"})
	require.NoError(t, client.Publish(ctx(t), event))
	require.NoError(t, client.Publish(ctx(t), event), "once more is a duplicate, and success")
	assert.Equal(t, event.ID, relay.Events()[0].ID.String())
	assert.Equal(t, content, relay.Events()[0].Content)
	require.Len(t, relay.Events(), 1)

	found, err := client.QuerySync(ctx(t), gonostr.Filter{IDs: []string{event.ID}})
	require.NoError(t, err)
	require.Len(t, found, 1)
	assert.Equal(t, event.String(), found[0].String(), "it comes back as it went in")

	forged := event
	forged.Content = "forged"
	require.ErrorContains(t, client.Publish(ctx(t), forged), "invalid: ")
	forged.ID = forged.GetID()
	require.ErrorContains(t, client.Publish(ctx(t), forged), "invalid: ")
	assert.Len(t, relay.Events(), 1)
}

func TestEventsOfTheRelayAreGenuineToTheClient(t *testing.T) {
	relay, client := connect(t)
	for i := range 20 {
		relay.Publish(nostrtest.TextNoteAt(nostr.Timestamp(i+1), nostrtest.Key(i), fmt.Sprintf("%d: \"\\\n\u2028\x01", i)))
	}
	found, err := client.QuerySync(ctx(t), gonostr.Filter{})
	require.NoError(t, err)
	require.Len(t, found, 20)
	for _, event := range found {
		assert.True(t, event.CheckID())
		genuine, err := event.CheckSignature()
		require.NoError(t, err)
		assert.True(t, genuine)
	}
}

func TestFilters(t *testing.T) {
	relay, client := connect(t)
	a := sign(t, 1, 1000, 1, "a", gonostr.Tag{"t", "x"})
	b := sign(t, 1, 1001, 1, "b", gonostr.Tag{"t", "y"}, gonostr.Tag{"p", nostrtest.PubKey(2).String()})
	c := sign(t, 2, 1002, 7, "c", gonostr.Tag{"e", a.ID}, gonostr.Tag{"T", "x"})
	d := sign(t, 2, 1003, 1, "d", gonostr.Tag{"t", "x", "y"})
	for _, event := range []gonostr.Event{a, b, c, d} {
		require.NoError(t, client.Publish(ctx(t), event))
	}
	one, two := nostrtest.PubKey(1).String(), nostrtest.PubKey(2).String()
	for name, test := range map[string]struct {
		filter gonostr.Filter
		want   []string
	}{
		"everything":             {gonostr.Filter{}, ids(a, b, c, d)},
		"ids":                    {gonostr.Filter{IDs: []string{a.ID, c.ID}}, ids(a, c)},
		"kinds":                  {gonostr.Filter{Kinds: []int{7}}, ids(c)},
		"authors":                {gonostr.Filter{Authors: []string{one}}, ids(a, b)},
		"authors and kinds":      {gonostr.Filter{Authors: []string{two}, Kinds: []int{1}}, ids(d)},
		"since is inclusive":     {gonostr.Filter{Since: stamp(1002)}, ids(c, d)},
		"until is inclusive":     {gonostr.Filter{Until: stamp(1001)}, ids(a, b)},
		"since and until":        {gonostr.Filter{Since: stamp(1001), Until: stamp(1002)}, ids(b, c)},
		"limit takes the newest": {gonostr.Filter{Limit: 2}, ids(c, d)},
		"limit of none":          {gonostr.Filter{LimitZero: true}, ids()},
		"first value of a tag":   {gonostr.Filter{Tags: gonostr.TagMap{"t": {"y"}}}, ids(b)},
		"values of a tag":        {gonostr.Filter{Tags: gonostr.TagMap{"t": {"x", "y"}}}, ids(a, b, d)},
		"tags have a case":       {gonostr.Filter{Tags: gonostr.TagMap{"T": {"x"}}}, ids(c)},
		"two tags":               {gonostr.Filter{Tags: gonostr.TagMap{"t": {"y"}, "p": {two}}}, ids(b)},
		"nothing":                {gonostr.Filter{Kinds: []int{2}}, ids()},
		"search":                 {gonostr.Filter{Search: "d"}, ids(d)},
	} {
		assert.Equal(t, test.want, query(t, client, test.filter), name)
	}
	assert.Len(t, relay.Events(), 4)
}

func TestStoredEventsThenEOSEThenLiveOnes(t *testing.T) {
	relay, client := connect(t)
	stored := sign(t, 1, 1000, 1, "stored")
	require.NoError(t, client.Publish(ctx(t), stored))

	sub, err := client.Subscribe(ctx(t), gonostr.Filters{{Kinds: []int{1}}, {Kinds: []int{7}, Authors: []string{nostrtest.PubKey(2).String()}}})
	require.NoError(t, err)
	assert.Equal(t, stored.ID, (<-sub.Events).ID)
	<-sub.EndOfStoredEvents

	publisher := dial(t, relay)
	for _, event := range []gonostr.Event{
		sign(t, 1, 1001, 1, "live"), sign(t, 1, 1002, 7, "of another author"), sign(t, 2, 1003, 7, "of the second filter"),
	} {
		require.NoError(t, publisher.Publish(ctx(t), event))
	}
	assert.ElementsMatch(t, []string{"live", "of the second filter"}, []string{(<-sub.Events).Content, (<-sub.Events).Content})
	sub.Unsub()
	require.NoError(t, relay.WaitFor(ctx(t), func() bool { return len(relay.Subscriptions()) == 0 }), "CLOSE is understood")
}

func TestReplaceableAddressableEphemeralAndDeletedEvents(t *testing.T) {
	_, client := connect(t)
	publish := func(event gonostr.Event) gonostr.Event {
		t.Helper()
		require.NoError(t, client.Publish(ctx(t), event))
		return event
	}
	publish(sign(t, 1, 1000, 0, `{"name":"old"}`))
	profile := publish(sign(t, 1, 1001, 0, `{"name":"new"}`))
	publish(sign(t, 1, 999, 0, `{"name":"late"}`))
	assert.Equal(t, ids(profile), query(t, client, gonostr.Filter{Kinds: []int{0}}))

	publish(sign(t, 1, 1000, 30023, "draft", gonostr.Tag{"d", "a"}))
	article := publish(sign(t, 1, 1001, 30023, "done", gonostr.Tag{"d", "a"}))
	other := publish(sign(t, 1, 1000, 30023, "another", gonostr.Tag{"d", "b"}))
	assert.Equal(t, ids(article, other), query(t, client, gonostr.Filter{Kinds: []int{30023}}))

	publish(sign(t, 1, 1000, 20001, "gone at once"))
	assert.Empty(t, query(t, client, gonostr.Filter{Kinds: []int{20001}}))

	mine, theirs := publish(sign(t, 1, 1000, 1, "mine")), publish(sign(t, 2, 1000, 1, "theirs"))
	publish(sign(t, 1, 1005, 5, "", gonostr.Tag{"e", mine.ID}, gonostr.Tag{"e", theirs.ID},
		gonostr.Tag{"a", "30023:" + nostrtest.PubKey(1).String() + ":b"}))
	assert.Equal(t, ids(theirs), query(t, client, gonostr.Filter{Kinds: []int{1}}), "one's own only")
	assert.Equal(t, ids(article), query(t, client, gonostr.Filter{Kinds: []int{30023}}))
	require.ErrorContains(t, client.Publish(ctx(t), mine), "blocked: ")
}

func TestEqualSecondsAreDecidedByTheLowestID(t *testing.T) {
	_, client := connect(t)
	versions := []gonostr.Event{sign(t, 1, 1000, 10002, "a"), sign(t, 1, 1000, 10002, "b"), sign(t, 1, 1000, 10002, "c")}
	lowest := versions[0]
	for _, event := range versions {
		require.NoError(t, client.Publish(ctx(t), event))
		if event.ID < lowest.ID {
			lowest = event
		}
	}
	assert.Equal(t, ids(lowest), query(t, client, gonostr.Filter{Kinds: []int{10002}}))
}

func TestCount(t *testing.T) {
	_, client := connect(t)
	for i := range 7 {
		require.NoError(t, client.Publish(ctx(t), sign(t, 1, 1000+i, 1+i%2*6, "counted")))
	}
	for kind, want := range map[int]int64{1: 4, 7: 3, 2: 0} {
		count, _, err := client.Count(ctx(t), gonostr.Filters{{Kinds: []int{kind}}})
		require.NoError(t, err)
		assert.Equal(t, want, count)
	}
}

func TestClosedOnRefusalAndLater(t *testing.T) {
	relay, client := connect(t, nostrtest.WithReadPolicy(func(_ nostrtest.Connection, request nostrtest.Request) string {
		if slices.Contains(request.Filters[0].Kinds, 4) {
			return "restricted: not your mail"
		}
		return ""
	}))
	refused, err := client.Subscribe(ctx(t), gonostr.Filters{{Kinds: []int{4}}})
	require.NoError(t, err)
	assert.Equal(t, "restricted: not your mail", <-refused.ClosedReason)

	open, err := client.Subscribe(ctx(t), gonostr.Filters{{Kinds: []int{1}}})
	require.NoError(t, err)
	<-open.EndOfStoredEvents
	assert.Equal(t, 1, relay.CloseSubscription(open.GetID(), "error: shutting down"))
	assert.Equal(t, "error: shutting down", <-open.ClosedReason)
	assert.Empty(t, relay.Subscriptions())
}

func TestAuthenticationOpensTheRelay(t *testing.T) {
	relay, client := connect(t, nostrtest.WithAuth())
	note := sign(t, 1, 1000, 1, "note")
	require.ErrorContains(t, client.Publish(ctx(t), note), "auth-required: ")
	sub, err := client.Subscribe(ctx(t), gonostr.Filters{{}})
	require.NoError(t, err)
	assert.Contains(t, <-sub.ClosedReason, "auth-required: ")

	require.NoError(t, client.Auth(ctx(t), func(event *gonostr.Event) error { return event.Sign(nostrtest.Key(1).Hex()) }))
	assert.Equal(t, []nostr.PubKey{nostrtest.PubKey(1)}, relay.Connections()[0].Authenticated)
	require.NoError(t, client.Publish(ctx(t), note))
	assert.Equal(t, ids(note), query(t, client, gonostr.Filter{}))

	protected := sign(t, 1, 1001, 1, "mine alone", gonostr.Tag{"-"})
	require.NoError(t, client.Publish(ctx(t), protected))
	require.ErrorContains(t, client.Publish(ctx(t), sign(t, 2, 1001, 1, "of another", gonostr.Tag{"-"})), "restricted: ")
	require.ErrorContains(t, client.Auth(ctx(t), func(event *gonostr.Event) error {
		event.Tags = gonostr.Tags{{"relay", relay.URL()}, {"challenge", "guessed"}}
		return event.Sign(nostrtest.Key(2).Hex())
	}), "invalid: ")
}

func TestNoticesAndTheInformationDocument(t *testing.T) {
	relay := nostrtest.NewRelay(t, nostrtest.WithLimits(nostrtest.Limits{Limit: 3, Subscriptions: 5}))
	notices := make(chan string, 1)
	dial(t, relay, gonostr.WithNoticeHandler(func(notice string) { notices <- notice }))
	relay.Notice("maintenance at \"noon\"")
	assert.Equal(t, `maintenance at "noon"`, <-notices)

	document, err := nip11.Fetch(ctx(t), relay.URL())
	require.NoError(t, err)
	assert.Equal(t, "nostrtest", document.Name)
	assert.Equal(t, 3, document.Limitation.MaxLimit)
	assert.Equal(t, 5, document.Limitation.MaxSubscriptions)
	assert.Contains(t, document.SupportedNIPs, any(float64(42)))
}

func TestLimitsOfTheRelay(t *testing.T) {
	_, client := connect(t, nostrtest.WithLimits(nostrtest.Limits{Limit: 3, EventTags: 1}))
	var last []gonostr.Event
	for i := range 5 {
		event := sign(t, 1, 1000+i, 1, "note")
		require.NoError(t, client.Publish(ctx(t), event))
		last = append(last, event)
	}
	assert.Equal(t, ids(last[2:]...), query(t, client, gonostr.Filter{}))
	assert.Equal(t, ids(last[2:]...), query(t, client, gonostr.Filter{Limit: 100}))
	require.ErrorContains(t, client.Publish(ctx(t), sign(t, 1, 1000, 1, "", gonostr.Tag{"t", "a"}, gonostr.Tag{"t", "b"})), "invalid: ")
}

func TestMendedRelayIsHonestAgain(t *testing.T) {
	relay, client := connect(t)
	mend := relay.Break(nostrtest.RefuseEvents("rate-limited: slow down"), nostrtest.Interleaved(3), nostrtest.PingFlood(50))
	require.ErrorContains(t, client.Publish(ctx(t), sign(t, 1, 1000, 1, "note")), "rate-limited: slow down")
	mend()
	note := sign(t, 1, 1000, 1, "note")
	require.NoError(t, client.Publish(ctx(t), note))
	assert.Equal(t, ids(note), query(t, client, gonostr.Filter{}))
}
