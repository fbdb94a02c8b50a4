package main

import "testing"

func TestLangOf(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		env  map[string]string
		want lang
	}{
		"nothing":              {want: english},
		"LANG":                 {env: map[string]string{"LANG": "zh_CN.UTF-8"}, want: chinese},
		"LC_ALL wins":          {env: map[string]string{"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, want: english},
		"empty LC_ALL":         {env: map[string]string{"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, want: chinese},
		"the flag wins":        {args: []string{"records", "list", "--lang", "en"}, env: map[string]string{"LANG": "zh_CN"}, want: english},
		"the flag with =":      {args: []string{"--lang=zh"}, want: chinese},
		"after --":             {args: []string{"--", "--lang=zh"}, want: english},
		"TODOSYNC_LANG":        {env: map[string]string{"TODOSYNC_LANG": "zh", "LANG": "de_DE"}, want: chinese},
		"neither of the two":   {env: map[string]string{"LANG": "de_DE.UTF-8"}, want: english},
		"not zh but begins so": {env: map[string]string{"LANG": "zhx"}, want: english},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lookup := func(k string) (string, bool) { v, ok := tt.env[k]; return v, ok }
			if got := langOf(tt.args, lookup); got != tt.want {
				t.Errorf("langOf(%q) = %q, want %q", tt.args, got, tt.want)
			}
		})
	}
}
