package nip11_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr/nip11"
)

func num(n int64) *int64 { return &n }

const full = `{
	"name": "relay.example.com", "description": "A relay.\n\nFor tests.", "banner": "https://example.com/b.png",
	"icon": "https://example.com/i.png", "contact": "mailto:admin@example.com",
	"pubkey": "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
	"self": "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
	"supported_nips": [1, 9, 11, 42, 45, 77], "software": "https://example.com/software", "version": "1.2.3",
	"terms_of_service": "https://example.com/tos", "privacy_policy": "https://example.com/privacy",
	"posting_policy": "https://example.com/posting", "payments_url": "https://example.com/pay",
	"relay_countries": ["CA", "US"], "language_tags": ["en", "en-419"], "tags": ["sfw-only"],
	"limitation": {
		"max_message_length": 131072, "max_subscriptions": 20, "max_filters": 100, "max_limit": 500, "default_limit": 0,
		"max_subid_length": 64, "max_event_tags": 2000, "max_content_length": 8196, "min_pow_difficulty": 0,
		"auth_required": true, "payment_required": false, "restricted_writes": true,
		"created_at_lower_limit": 94608000, "created_at_upper_limit": 900
	},
	"retention": [{"kinds": [0, 1, [5, 7]], "time": null}, {"count": 10}],
	"fees": {"admission": [{"amount": 1000000, "unit": "msats"}]},
	"something_new": {"of": ["next", "year"]}
}`

func fullDocument() nip11.Document {
	return nip11.Document{
		Name: "relay.example.com", Description: "A relay.\n\nFor tests.",
		Banner: "https://example.com/b.png", Icon: "https://example.com/i.png", Contact: "mailto:admin@example.com",
		PubKey:        "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
		Self:          "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
		SupportedNIPs: []int{1, 9, 11, 42, 45, 77}, Software: "https://example.com/software", Version: "1.2.3",
		TermsOfService: "https://example.com/tos", PrivacyPolicy: "https://example.com/privacy",
		PostingPolicy: "https://example.com/posting", PaymentsURL: "https://example.com/pay",
		RelayCountries: []string{"CA", "US"}, LanguageTags: []string{"en", "en-419"}, Tags: []string{"sfw-only"},
		Limitation: nip11.Limitation{
			MaxMessageLength: num(131072), MaxSubscriptions: num(20), MaxFilters: num(100), MaxLimit: num(500),
			DefaultLimit: num(0), MaxSubidLength: num(64), MaxEventTags: num(2000), MaxContentLength: num(8196),
			MinPowDifficulty: num(0), CreatedAtLowerLimit: num(94608000), CreatedAtUpperLimit: num(900),
			AuthRequired: true, RestrictedWrites: true,
		},
		Retention: json.RawMessage(`[{"kinds": [0, 1, [5, 7]], "time": null}, {"count": 10}]`),
		Fees:      json.RawMessage(`{"admission": [{"amount": 1000000, "unit": "msats"}]}`),
	}
}

func TestP47EveryFieldIsRead(t *testing.T) {
	d, err := nip11.Parse([]byte(full))
	require.NoError(t, err)
	assert.Equal(t, fullDocument(), d)
	assert.Empty(t, d.Problems)
	assert.True(t, d.Supports(77))
	assert.False(t, d.Supports(50))
}

func TestP48AnyFieldMayBeMissing(t *testing.T) {
	for _, doc := range []string{`{}`, " \r\n\t{ }\n", `{"limitation":{}}`, `{"x":1}`,
		`{"name":null,"supported_nips":null,"limitation":null,"retention":null,"fees":null}`,
		`{"limitation":{"max_limit":null,"auth_required":null}}`} {
		d, err := nip11.Parse([]byte(doc))
		require.NoError(t, err, doc)
		assert.Equal(t, nip11.Document{}, d, doc)
	}
}

func TestP48FieldsOfTheWrongShapeAreSkippedAndListed(t *testing.T) {
	const rest = `"version":"1","limitation":{"max_filters":7}`
	for _, c := range []struct{ field, problem string }{
		{`"name":7`, "name: want a string, have a number"},
		{`"pubkey":["x"]`, "pubkey: want a string, have a list"},
		{`"self":false`, "self: want a string, have a boolean"},
		{`"supported_nips":"1,2"`, "supported_nips: want a list, have a string"},
		{`"supported_nips":{"1":true}`, "supported_nips: want a list, have an object"},
		{`"supported_nips":[1,"EE",1.5,-1,99999999999,null,11]`, "supported_nips[1]: want the number of a NIP, have a string"},
		{`"tags":["a",null,"b"]`, "tags[1]: want a string, have null"},
	} {
		d, err := nip11.Parse([]byte(`{` + c.field + `,` + rest + `}`))
		require.NoError(t, err, c.field)
		require.NotEmpty(t, d.Problems, c.field)
		assert.Equal(t, c.problem, d.Problems[0])
		assert.Equal(t, "1", d.Version, c.field)
		assert.Equal(t, num(7), d.Limitation.MaxFilters, c.field)
	}

	d, err := nip11.Parse([]byte(`{"supported_nips":[1,"EE",1.5,-1,99999999999,null,11],"tags":["a",null,"b"]}`))
	require.NoError(t, err)
	assert.Equal(t, []int{1, 11}, d.SupportedNIPs)
	assert.Equal(t, []string{"a", "b"}, d.Tags)
	assert.Len(t, d.Problems, 6)
}

func TestP48LimitationIsReadFieldByField(t *testing.T) {
	d, err := nip11.Parse([]byte(`{"limitation":{"max_limit":"500","max_filters":10.0,"max_message_length":1.28e5,
		"max_subscriptions":-1,"max_event_tags":2.5,"max_content_length":1e300,"max_subid_length":99999999999999999999,
		"default_limit":0,"auth_required":"yes","payment_required":1,"restricted_writes":true}}`))
	require.NoError(t, err)
	assert.Equal(t, nip11.Limitation{
		MaxFilters: num(10), MaxMessageLength: num(128000), DefaultLimit: num(0), RestrictedWrites: true}, d.Limitation)
	assert.Equal(t, []string{
		"limitation.max_subscriptions: negative",
		"limitation.max_limit: want a whole number, have a string",
		"limitation.max_subid_length: want a whole number, have a number",
		"limitation.max_event_tags: want a whole number, have a number",
		"limitation.max_content_length: want a whole number, have a number",
		"limitation.auth_required: want a boolean, have a string",
		"limitation.payment_required: want a boolean, have a number",
	}, d.Problems)

	d, err = nip11.Parse([]byte(`{"limitation":[1],"name":"x"}`))
	require.NoError(t, err)
	assert.Equal(t, []string{"limitation: want an object, have a list"}, d.Problems)
	assert.Equal(t, "x", d.Name)
}

func TestQ04FlatRetentionBreaksNothing(t *testing.T) {
	d, err := nip11.Parse([]byte(`{"name":"mocrelay","retention":{"kinds":[0,1,2]},"limitation":{"max_limit":500}}`))
	require.NoError(t, err)
	assert.Equal(t, "mocrelay", d.Name)
	assert.Equal(t, num(500), d.Limitation.MaxLimit)
	assert.JSONEq(t, `{"kinds":[0,1,2]}`, string(d.Retention))
	assert.Empty(t, d.Problems)
}

func TestOnlyObjectsAreDocuments(t *testing.T) {
	for _, data := range []string{"", " ", "null", "[]", `"x"`, "7", "true", "{", `{"name":"x"`, `{"name":"x",}`, "{} {}", `{"name":01}`,
		"<html>no such page</html>", "\ufeff{}", "{\x00}", strings.Repeat(`{"limitation":`, 100) + strings.Repeat("}", 100),
		strings.Repeat(`{"a":`, 40_000), `{"a":` + strings.Repeat("[", 100_000)} {
		d, err := nip11.Parse([]byte(data))
		assert.ErrorIs(t, err, nip11.ErrNotObject)
		assert.Equal(t, nip11.Document{}, d)
		assert.Less(t, len(fmt.Sprint(err)), 200)
	}
}

// Shows B23.
func TestSizeIsBounded(t *testing.T) {
	long := func(n int) []byte { return []byte(`{"name":"` + strings.Repeat("x", n-len(`{"name":""}`)) + `"}`) }
	d, err := nip11.Parse(long(nip11.MaxSize))
	require.NoError(t, err)
	assert.NotEmpty(t, d.Name)
	_, err = nip11.Parse(long(nip11.MaxSize + 1))
	assert.ErrorIs(t, err, nip11.ErrTooLarge)

	d, err = nip11.Parse([]byte(`{"supported_nips":[` + strings.Repeat(`"x",`, 60_000) + `1]}`))
	require.NoError(t, err)
	assert.Equal(t, []int{1}, d.SupportedNIPs)
	assert.Len(t, d.Problems, nip11.MaxProblems)
}

func TestParseKeepsNothingOfItsInput(t *testing.T) {
	data := []byte(full)
	d, err := nip11.Parse(data)
	require.NoError(t, err)
	clear(data)
	assert.Equal(t, fullDocument(), d)
}

func TestDocumentsRoundTrip(t *testing.T) {
	for _, d := range []nip11.Document{{}, fullDocument()} {
		data, err := json.Marshal(d)
		require.NoError(t, err)
		parsed, err := nip11.Parse(data)
		require.NoError(t, err)
		assert.Empty(t, parsed.Problems)
		again, err := json.Marshal(&parsed)
		require.NoError(t, err)
		assert.JSONEq(t, string(data), string(again))
		var d nip11.Document
		require.NoError(t, json.Unmarshal(data, &d))
		assert.Equal(t, parsed, d)
	}
	data, err := json.Marshal(nip11.Document{Problems: []string{"x"}})
	require.NoError(t, err)
	assert.Equal(t, `{}`, string(data))
	_, err = json.Marshal(nip11.Document{Fees: json.RawMessage("{")})
	assert.Error(t, err)
	assert.Error(t, json.Unmarshal([]byte("[]"), &nip11.Document{}))
}

func TestP47RequestURLIsTheRelaysOwnURI(t *testing.T) {
	for in, want := range map[string]string{
		"ws://relay.example.com":              "http://relay.example.com/",
		"wss://relay.example.com/":            "https://relay.example.com/",
		"wss://relay.example.com/inbox?a=b&c": "https://relay.example.com/inbox?a=b&c",
		"wss://relay.example.com:7777/x/":     "https://relay.example.com:7777/x/",
		"ws://[::1]:80/":                      "http://[::1]:80/",
		"WSS://relay.example.com/#x":          "https://relay.example.com/",
		" wss://relay.example.com/a%2Fb ":     "https://relay.example.com/a%2Fb",
	} {
		got, err := nip11.RequestURL(in)
		require.NoError(t, err, in)
		assert.Equal(t, want, got)
	}
	for in, want := range map[string]string{
		"":                                       "no scheme",
		"relay.example.com":                      "no scheme",
		"https://relay.example.com":              `scheme "https"`,
		"wss://":                                 "no host",
		"wss://:80":                              "no host",
		"wss:relay.example.com":                  "no host",
		"wss://user:secret@relay.example/":       "user information",
		"wss://user:secret@rel ay/":              "invalid",
		"wss://host:" + strings.Repeat("x", 999): "invalid port",
		strings.Repeat("x", 999) + "://y":        "…",
	} {
		_, err := nip11.RequestURL(in)
		require.Error(t, err, in)
		assert.Contains(t, err.Error(), want)
		assert.NotContains(t, err.Error(), "secret")
		assert.Less(t, len(err.Error()), 160)
	}
}

func ExampleParse() {
	d, err := nip11.Parse([]byte(`{"name":"a relay","supported_nips":[1,42],"limitation":{"max_limit":500,"max_filters":"ten"}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Name, "knows NIP-42:", d.Supports(42))
	if most := d.Limitation.MaxLimit; most != nil {
		fmt.Println("events per filter:", *most)
	}
	fmt.Println(d.Problems)
	// Output:
	// a relay knows NIP-42: true
	// events per filter: 500
	// [limitation.max_filters: want a whole number, have a string]
}

func ExampleRequestURL() {
	fmt.Println(nip11.RequestURL("wss://relay.example.com"))
	// Output: https://relay.example.com/ <nil>
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{full, `{}`, `[]`, `{"limitation":{"max_limit":1e3,"default_limit":-0}}`, `{"supported_nips":[1,"a"]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := nip11.Parse(data)
		if err != nil {
			return
		}
		written, err := json.Marshal(d)
		require.NoError(t, err)
		if len(written) > nip11.MaxSize {
			return // escapes made it longer
		}
		again, err := nip11.Parse(written)
		require.NoError(t, err)
		require.Empty(t, again.Problems)
		rewritten, err := json.Marshal(again)
		require.NoError(t, err)
		require.JSONEq(t, string(written), string(rewritten))
	})
}
