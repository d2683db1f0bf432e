package resilience

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// failure is one failure as servers, gateways and clients report them, and what it means by the documents of the API.
type failure struct {
	where  string // file:line
	status int    // 0: only a text
	header http.Header
	body   string
	want   Class
	after  time.Duration
	now    bool
}

var headerLine = regexp.MustCompile(`^(?i:x-[a-z-]{1,40}|retry-after(?:-ms)?|date): [^{<]*$`)

// readFailures reads a file of failures. Each begins with a line
//
//	== <status, or "text"> <class> [<wait>]
//
// followed by header lines and the body.
func readFailures(t testing.TB, path string) []failure {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	var list []failure
	inBody := false
	for n, line := range strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n") {
		if rest, ok := strings.CutPrefix(line, "== "); ok {
			words := strings.Fields(rest)
			f := failure{where: filepath.Base(path) + ":" + strconv.Itoa(n+1), want: Class(words[1]), header: http.Header{}}
			if words[0] != "text" {
				f.status, err = strconv.Atoi(words[0])
				require.NoError(t, err, f.where)
			}
			if len(words) > 2 {
				f.after, err = time.ParseDuration(words[2])
				require.NoError(t, err, f.where)
				f.now = f.after == 0
			}
			list, inBody = append(list, f), false
			continue
		}
		require.NotEmpty(t, list, path)
		f := &list[len(list)-1]
		if !inBody && f.status != 0 && headerLine.MatchString(line) {
			name, value, _ := strings.Cut(line, ": ")
			f.header.Add(name, value)
			continue
		}
		if inBody {
			f.body += "\n"
		}
		f.body, inBody = f.body+line, true
	}
	return list
}

// TestFailures goes through what people met, one file for each server. The classes were written down by the APIs' documents,
// before the code was asked.
func TestFailures(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/failures/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	total, right := 0, 0
	for _, path := range files {
		for _, f := range readFailures(t, path) {
			total++
			err := f.err()
			after, told := RetryAfter(err)
			if got := Classify(err); got != f.want || after != f.after && f.status != 0 || f.status != 0 && told != (f.after > 0 || f.now) {
				t.Errorf("%s: %s, %v (%v); want %s, %v: %d %s", f.where, got, after, told, f.want, f.after, f.status, head(f.body, 300))
				continue
			}
			right++
		}
	}
	t.Logf("%d of %d are understood", right, total)
}

func (f failure) err() error {
	if f.status == 0 {
		return errors.New(f.body)
	}
	return FromHTTP("p", f.status, f.header, []byte(f.body))
}
