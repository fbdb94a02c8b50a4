package file
import ("testing";"os";"fmt")
func TestProbe(t *testing.T){
  b,_:=os.ReadFile("/tmp/probe.yaml")
  docs,ps:=Parse("probe.yaml",b,Options{CheckPublicURL:true,Lang:os.Getenv("L")})
  fmt.Println(ps.Error())
  fmt.Println(len(docs))
}
