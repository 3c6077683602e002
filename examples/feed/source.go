package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gennostr/gennostr/nostr"
)

// item is what becomes a note.
type item struct {
	id   string // the same each time it is read
	text string
	tags nostr.Tags
}

// What is read is bounded: a feed may be anybody's.
const (
	maxFeed  = 8 << 20     // bytes of a feed
	maxFile  = 32 << 10    // bytes of a file: notes are short
	maxItems = 10_000      // of one source
	maxText  = 8_000       // characters of a title with its link
	patience = time.Minute // for a web server
)

// readItems reads a source: a directory of text files, a feed in a file, or one at a URL.
func readItems(ctx context.Context, source string) ([]item, error) {
	if strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://") {
		return fetchFeed(ctx, source)
	}
	info, err := os.Stat(source)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return readDirectory(source)
	}
	data, err := readBounded(source, maxFeed)
	if err != nil {
		return nil, err
	}
	return parseFeed(data)
}

// readDirectory makes an item of each .txt and .md file, in the order of their names. A
// file is known by its name: to say something else takes another file.
func readDirectory(dir string) (items []item, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); e.Type().IsRegular() && (ext == ".txt" || ext == ".md") {
			data, err := readBounded(filepath.Join(dir, e.Name()), maxFile)
			if err != nil {
				return nil, err
			}
			text := strings.TrimSpace(string(data))
			if text == "" || !utf8.ValidString(text) {
				return nil, fmt.Errorf("%s: want some text, in UTF-8", e.Name())
			}
			items = append(items, item{id: "file:" + e.Name(), text: text})
		}
	}
	return bounded(items)
}

func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return limited(f, filepath.Base(path), most)
}

func limited(r io.Reader, name string, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s: longer than %d bytes", name, most)
	}
	return data, err
}

func bounded(items []item) ([]item, error) {
	if len(items) > maxItems {
		return nil, fmt.Errorf("more than %d items", maxItems)
	}
	return items, nil
}

func fetchFeed(ctx context.Context, url string) ([]item, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, errors.New("not a URL") // which may hold a password
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the web server says %s", resp.Status)
	}
	data, err := limited(resp.Body, "the feed", maxFeed)
	if err != nil {
		return nil, err
	}
	return parseFeed(data)
}

// document is what RSS 2.0, RSS 1.0 and Atom have that matters here.
type document struct {
	XMLName xml.Name
	RSS     []entry `xml:"channel>item"`
	RDF     []entry `xml:"item"`
	Atom    []entry `xml:"entry"`
}

type entry struct {
	Title      string `xml:"title"`
	GUID       string `xml:"guid"`
	ID         string `xml:"id"`
	Links      []link `xml:"link"`
	Categories []struct {
		Term string `xml:"term,attr"` // Atom
		Text string `xml:",chardata"` // RSS
	} `xml:"category"`
}

type link struct {
	Rel  string `xml:"rel,attr"`
	Href string `xml:"href,attr"` // Atom
	Text string `xml:",chardata"` // RSS
}

// parseFeed makes an item of each entry, oldest first: feeds begin with the newest.
func parseFeed(data []byte) (items []item, err error) {
	decoder := xml.NewDecoder(bytes.NewReader(data))
	decoder.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		if _, params, _ := mime.ParseMediaType("text/xml;charset=" + charset); strings.EqualFold(params["charset"], "us-ascii") {
			return in, nil
		}
		return nil, fmt.Errorf("feeds in %.20q are not understood, only UTF-8", charset)
	}
	var doc document
	if err := decoder.Decode(&doc); err != nil {
		return nil, fmt.Errorf("neither RSS nor Atom: %w", err)
	}
	switch strings.ToLower(doc.XMLName.Local) {
	case "rss", "rdf", "feed":
	default:
		return nil, fmt.Errorf("neither RSS nor Atom, but <%.20s>", doc.XMLName.Local)
	}
	for _, e := range slices.Concat(doc.RSS, doc.RDF, doc.Atom) {
		if it, ok := e.item(); ok {
			items = append(items, it)
		}
	}
	slices.Reverse(items)
	return bounded(items)
}

// item is the title, and where to read on. Without either there is nothing to say.
func (e entry) item() (item, bool) {
	title, url := strings.Join(strings.Fields(e.Title), " "), e.url()
	text := strings.TrimSpace(title + "\n\n" + url)
	it := item{id: firstOf(e.GUID, e.ID, url, title), text: text}
	if url != "" {
		it.tags = append(it.tags, nostr.Tag{"r", url})
	}
	for _, c := range e.Categories {
		if topic := strings.ToLower(firstOf(c.Term, c.Text)); topic != "" && len(topic) <= 50 && len(it.tags) < 10 {
			it.tags = append(it.tags, nostr.Tag{"t", topic})
		}
	}
	return it, text != "" && utf8.RuneCountInString(text) <= maxText
}

func (e entry) url() string {
	for _, l := range e.Links {
		if l.Rel == "" || l.Rel == "alternate" {
			if url := firstOf(l.Href, l.Text); url != "" {
				return url
			}
		}
	}
	return ""
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t = strings.TrimSpace(t); t != "" {
			return t
		}
	}
	return ""
}
