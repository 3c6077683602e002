package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gennostr/gennostr/nostr"
)

func texts(items []item) (list []string) {
	for _, it := range items {
		list = append(list, it.text)
	}
	return list
}

func TestFeedsOfEveryKindAreReadOldestFirst(t *testing.T) {
	for name, feed := range map[string]string{
		"RSS 2.0": demoFeed,
		"RSS 1.0": `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"><channel/>
			<item><title>The third entry</title><link>https://example.com/3</link></item>
			<item><title>The second entry</title><link>https://example.com/2</link></item>
			<item><title> The
			first entry</title><link>https://example.com/1</link></item></rdf:RDF>`,
		"Atom": `<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>The third entry</title><id>urn:3</id>
			<link rel="self" href="https://example.com/3.atom"/><link rel="alternate" href="https://example.com/3"/></entry>
			<entry><title>The second entry</title><link href="https://example.com/2"/></entry>
			<entry><title>The first entry</title><link href="https://example.com/1"/></entry></feed>`,
	} {
		t.Run(name, func(t *testing.T) {
			items, err := parseFeed([]byte(feed))
			require.NoError(t, err)
			assert.Equal(t, []string{"The first entry\n\nhttps://example.com/1", "The second entry\n\nhttps://example.com/2", "The third entry\n\nhttps://example.com/3"}, texts(items))
			assert.Contains(t, items[0].tags, nostr.Tag{"r", "https://example.com/1"})
		})
	}
	items, err := parseFeed([]byte(demoFeed))
	require.NoError(t, err)
	assert.Contains(t, items[2].tags, nostr.Tag{"t", "nostr"})
}

func TestWhatIsNoFeedIsAnError(t *testing.T) {
	for _, text := range []string{"", "hello", "<html><body/></html>", "<rss>", `<?xml version="1.0" encoding="utf-16"?><rss/>`} {
		_, err := parseFeed([]byte(text))
		assert.Error(t, err, text)
	}
	_, err := parseFeed([]byte("<rss><channel>" + strings.Repeat("<item><title>x</title></item>", maxItems+1) + "</channel></rss>"))
	assert.ErrorContains(t, err, "more than")
	items, err := parseFeed([]byte("<rss><channel><item/><item><title>" + strings.Repeat("x", maxText+1) + "</title></item></channel></rss>"))
	require.NoError(t, err)
	assert.Empty(t, items, "an entry that says nothing, and one that says too much")
}

func TestADirectoryIsReadInOrder(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"b.md": "second\n", "a.txt": "first", "c.jpg": "no text"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	items, err := readItems(t.Context(), dir)
	require.NoError(t, err)
	assert.Equal(t, []string{"first", "second"}, texts(items))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "d.txt"), []byte{0xff}, 0o600))
	_, err = readItems(t.Context(), dir)
	assert.ErrorContains(t, err, "d.txt")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "d.txt"), make([]byte, maxFile+1), 0o600))
	_, err = readItems(t.Context(), dir)
	assert.ErrorContains(t, err, "longer")
}

func TestAFeedOfAWebServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/feed.xml" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(demoFeed))
	}))
	defer server.Close()
	items, err := readItems(t.Context(), server.URL+"/feed.xml")
	require.NoError(t, err)
	assert.Len(t, items, 3)
	_, err = readItems(t.Context(), server.URL+"/other")
	assert.ErrorContains(t, err, "404")
}
