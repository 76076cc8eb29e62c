// Reads a server with grpc-go: `read PORT`. It is built twice: with the one that go.mod and go.sum pin (module.go), and with
// Debian's, which is older (debian.go). tools/clients.py makes the stubs of proto/ and the stores. Health and reflection are read with grpc-go's own stubs. The last line is "compared N", of values and statuses; an
// answer that is not what docs/formats/grpc.md says ends the program with a sentence and status 1.
package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"os"
	"reflect"
	"sort"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionalpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"lagoon/clients/read"
	"lagoon/clients/venice"
)

const (
	partitions  = 3
	heavyRows   = 100
	heavyBytes  = 100000
	wait        = 60 * time.Second
	keyNotFound = uint32(0xffffffff - 419)
	service     = "/com.linkedin.venice.protocols.VeniceReadService/"
	stream      = "/lagoon.read.v1.ReadService/BatchGet"
)

var (
	conn     *grpc.ClientConn
	lock     sync.Mutex
	compared int
	streamed = &grpc.StreamDesc{StreamName: "BatchGet", ClientStreams: true, ServerStreams: true}
)

func fail(format string, words ...any) {
	fmt.Printf(format+"\n", words...)
	os.Exit(1)
}

func same(what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		fail("%s: %.300v instead of %.300v", what, got, want)
	}
	lock.Lock()
	compared++
	lock.Unlock()
}

func good(what string, err error) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

func soon() context.Context {
	ctx, _ := context.WithTimeout(context.Background(), wait)
	return ctx
}

// --- Avro and Venice's encodings ---

func key(text string) []byte {
	return append(binary.AppendVarint(nil, int64(len(text))), text...)
}

func text(value []byte) string {
	size, n := binary.Varint(value)
	if n <= 0 || int(size) != len(value)-n {
		fail("a value that is no Avro string: %.80q", value)
	}
	return string(value[n:])
}

func partition(k []byte) uint32 {
	sum := md5.Sum(k)
	return uint32(new(big.Int).Mod(new(big.Int).SetBytes(sum[:]), big.NewInt(partitions)).Uint64())
}

func single(name, topic string) *venice.VeniceClientRequest {
	k := key(name)
	return &venice.VeniceClientRequest{Partition: partition(k), ResourceName: topic, Method: "GET",
		KeyString: base64.RawURLEncoding.EncodeToString(k) + "?f=b64"}
}

func many(names []string, topic string, streaming bool) *venice.VeniceClientRequest {
	var keys []byte
	for i, name := range names {
		k := key(name)
		keys = binary.AppendVarint(keys, int64(i))
		keys = append(binary.AppendVarint(keys, int64(len(k))), k...)
		keys = binary.AppendVarint(keys, int64(partition(k)))
	}
	return &venice.VeniceClientRequest{KeyBytes: keys, ResourceName: topic, IsBatchRequest: true, Method: "POST",
		IsStreamingRequest: streaming}
}

func records(data []byte) map[int64][]byte {
	out := map[int64][]byte{}
	r := bytes.NewReader(data)
	for r.Len() > 0 {
		index, err := binary.ReadVarint(r)
		good("a record's index", err)
		size, err := binary.ReadVarint(r)
		good("a record's size", err)
		value := make([]byte, size)
		_, err = io.ReadFull(r, value)
		good("a record's value", err)
		_, err = binary.ReadVarint(r)
		good("a record's schema", err)
		out[index] = value
	}
	return out
}

func names(letter string, from, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%d", letter, from+i)
	}
	return out
}

func heavy() string {
	out := make([]byte, heavyBytes)
	for i := range out {
		out[i] = byte('a' + i%23)
	}
	return string(out)
}

// --- Cases ---

func call(ctx context.Context, method string, rq *venice.VeniceClientRequest, options ...grpc.CallOption) (*venice.VeniceServerResponse, error) {
	rs := &venice.VeniceServerResponse{}
	err := conn.Invoke(ctx, service+method, rq, rs, options...)
	return rs, err
}

func reply(method string, rq *venice.VeniceClientRequest, options ...grpc.CallOption) *venice.VeniceServerResponse {
	rs, err := call(soon(), method, rq, options...)
	good(method, err)
	return rs
}

func singles() {
	for n := 0; n < 200; n++ {
		rs := reply("get", single(fmt.Sprintf("k%d", n), "plain_v1"))
		same("a get", []any{rs.ErrorCode, rs.SchemaId, rs.CompressionStrategy, rs.ResponseRCU},
			[]any{uint32(200), int32(1), uint32(0), uint32(1)})
		same("a get's value", text(rs.Data), fmt.Sprintf("value of k%d", n))
	}
	var all sync.WaitGroup
	for n := 0; n < 1000; n++ {
		all.Add(1)
		go func(n int) {
			defer all.Done()
			same("one of many", text(reply("get", single(fmt.Sprintf("k%d", n), "plain_v1")).Data), fmt.Sprintf("value of k%d", n))
		}(n)
	}
	all.Wait()
	rs := reply("get", single("nobody", "plain_v1"))
	same("a missing key", []any{rs.ErrorCode, len(rs.Data), rs.ErrorMessage}, []any{keyNotFound, 0, ""})
	same("an unknown store", reply("get", single("k1", "nothing_v1")).ErrorCode, uint32(400))
}

func batches() {
	asked := append(names("k", 0, 100), "nobody", "nowhere")
	for _, streaming := range []bool{false, true} {
		rs := reply("batchGet", many(asked, "plain_v1", streaming))
		same("a batch", []any{rs.ErrorCode, rs.IsStreamingResponse, rs.ResponseRCU}, []any{uint32(200), streaming, uint32(len(asked))})
		got := records(rs.Data)
		for n := 0; n < 100; n++ {
			same("a batch's value", text(got[int64(n)]), "value of "+asked[n])
		}
		same("records", len(got), map[bool]int{false: 100, true: 102}[streaming])
	}
	want := heavy()
	got := records(reply("batchGet", many(names("h", 0, heavyRows), "heavy_v1", false), grpc.MaxCallRecvMsgSize(1<<28)).Data)
	for n := 0; n < heavyRows; n++ {
		same("a heavy value", text(got[int64(n)]) == want, true)
	}
}

func compression() {
	zip := grpc.UseCompressor(gzip.Name)
	same("a compressed get", text(reply("get", single("k7", "plain_v1"), zip).Data), "value of k7")
	same("a compressed batch", len(records(reply("batchGet", many(names("k", 0, 3000), "plain_v1", false), zip).Data)), 3000)
}

func sendMetadata() {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	ctx := metadata.AppendToOutgoingContext(soon(), "x-caller", "a test", "x-bytes-bin", string(all))
	rs, err := call(ctx, "get", single("k7", "plain_v1"))
	good("metadata", err)
	same("a get with metadata", text(rs.Data), "value of k7")
}

func batch(id uint64, asked []string, store string) *read.BatchGetRequest {
	get := &read.Batch{Store: store}
	for i, name := range asked {
		get.Keys = append(get.Keys, &read.Key{Id: uint32(i), Key: key(name)})
	}
	return &read.BatchGetRequest{BatchId: id, Action: &read.BatchGetRequest_Get{Get: get}}
}

func open(ctx context.Context) grpc.ClientStream {
	s, err := conn.NewStream(ctx, streamed, stream, grpc.MaxCallRecvMsgSize(1<<28))
	good("a stream", err)
	return s
}

func streams() {
	const asked, atOnce = 400, 80
	type seen struct {
		values  map[uint32]*read.Value
		missing []uint32
		end     *read.End
	}
	s, got, room := open(soon()), map[uint64]*seen{}, make(chan bool, asked+atOnce)
	for i := 0; i < atOnce; i++ {
		room <- true
	}
	go func() {
		for i := 0; i < asked; i++ {
			<-room
			good("a batch", s.SendMsg(batch(uint64(i), append(names("k", i, 10), "nobody"), "plain")))
		}
		good("the end of the batches", s.CloseSend())
	}()
	for {
		rs := &read.BatchGetResponse{}
		err := s.RecvMsg(rs)
		if err == io.EOF {
			break
		}
		good("a stream's answer", err)
		b := got[rs.BatchId]
		if b == nil {
			b = &seen{values: map[uint32]*read.Value{}}
			got[rs.BatchId] = b
		}
		if b.end != nil {
			fail("an answer behind the end of batch %d", rs.BatchId)
		}
		for _, v := range rs.Values {
			b.values[v.Id] = v
		}
		b.missing = append(b.missing, rs.Missing...)
		b.end = rs.End
		if b.end != nil {
			room <- true
		}
	}
	same("batches", len(got), asked)
	for id, b := range got {
		same("a batch's end", []any{b.end.Status, b.end.Rcu, b.end.Version, b.missing, len(b.values)},
			[]any{uint32(0), uint32(11), uint32(1), []uint32{10}, 10})
		for n, v := range b.values {
			same("a stream's value", []any{text(v.Data), v.Version, v.SchemaId},
				[]any{fmt.Sprintf("value of k%d", id+uint64(n)), uint32(1), int32(1)})
		}
	}
}

func deadlines() {
	over, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	start := time.Now()
	watch, err := health.NewHealthClient(conn).Watch(over, &health.HealthCheckRequest{})
	good("a watch", err)
	rs, err := watch.Recv()
	good("a watch's first word", err)
	same("health", rs.Status, health.HealthCheckResponse_SERVING)
	_, err = watch.Recv()
	same("a watch's end", status.Code(err), codes.DeadlineExceeded)
	if took := time.Since(start); took < 400*time.Millisecond || took > wait/2 {
		fail("the deadline came after %v", took)
	}
	ctx, cancelOpen := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancelOpen()
	s, answer := open(ctx), &read.BatchGetResponse{}
	good("a batch", s.SendMsg(batch(1, []string{"k1"}, "plain")))
	good("its answer", s.RecvMsg(answer))
	same("its value", text(answer.Values[0].Data), "value of k1")
	for err = nil; err == nil; {
		err = s.RecvMsg(answer)
	}
	same("an open stream's end", status.Code(err), codes.DeadlineExceeded)
	for i := 0; i < 200; i++ { // Deadlines that race with their answers: one or the other, and right.
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Microsecond)
		rs, err := call(ctx, "get", single("k9", "plain_v1"))
		cancel()
		if err != nil {
			same("a race's status", status.Code(err), codes.DeadlineExceeded)
		} else {
			same("a race's value", text(rs.Data), "value of k9")
		}
	}
}

func cancellation() {
	for turn := 0; turn < 20; turn++ {
		ctx, cancel := context.WithCancel(soon())
		s, answer := open(ctx), &read.BatchGetResponse{}
		for i := 0; i < 10; i++ {
			good("a batch", s.SendMsg(batch(uint64(i), names("h", 0, heavyRows), "heavy")))
		}
		for i := 0; i < turn%5; i++ {
			good("an answer", s.RecvMsg(answer))
		}
		cancel()
		var err error
		for err == nil {
			err = s.RecvMsg(answer)
		}
		same("a cancelled stream", status.Code(err), codes.Canceled)
	}
	ctx, cancel := context.WithCancel(soon())
	time.AfterFunc(time.Millisecond, cancel)
	for err := error(nil); err == nil; {
		_, err = call(ctx, "batchGet", many(names("h", 0, heavyRows), "heavy_v1", false), grpc.MaxCallRecvMsgSize(1<<28))
		if err != nil {
			same("a cancelled batch", status.Code(err), codes.Canceled)
		}
	}
	same("a get afterwards", text(reply("get", single("k7", "plain_v1")).Data), "value of k7")
}

func refusals() {
	_, err := call(soon(), "nothing", single("k7", "plain_v1"))
	same("an unknown method", status.Code(err), codes.Unimplemented)
	_, err = call(soon(), "get", &venice.VeniceClientRequest{ResourceName: strings.Repeat("x", 4<<20)})
	same("a large request", status.Code(err), codes.ResourceExhausted)
	_, err = call(soon(), "batchGet", many(names("h", 0, heavyRows), "heavy_v1", false), grpc.MaxCallRecvMsgSize(1<<20))
	same("an answer that is too large for this client", status.Code(err), codes.ResourceExhausted)
	same("a get afterwards", text(reply("get", single("k7", "plain_v1")).Data), "value of k7")
}

var services = []string{"com.linkedin.venice.protocols.VeniceReadService", "grpc.health.v1.Health",
	"grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", "lagoon.read.v1.ReadService"}

func checks() {
	client := health.NewHealthClient(conn)
	for _, name := range append([]string{""}, services...) {
		rs, err := client.Check(soon(), &health.HealthCheckRequest{Service: name})
		good("health of "+name, err)
		same("health of "+name, rs.Status, health.HealthCheckResponse_SERVING)
	}
	_, err := client.Check(soon(), &health.HealthCheckRequest{Service: "nobody"})
	same("health of nobody", status.Code(err), codes.NotFound)
}

func file(data []byte) string {
	out := &descriptorpb.FileDescriptorProto{}
	good("a file's description", proto.Unmarshal(data, out))
	for _, s := range out.Service {
		if out.GetPackage()+"."+s.GetName() == services[0] {
			return s.Method[0].GetName() + " " + s.Method[1].GetName()
		}
	}
	return "no such service in it"
}

func reflectionOfToday() {
	s, err := reflectionV1(soon())
	good("reflection", err)
	ask := func(rq *reflectionRequest) *reflectionResponse {
		good("a question", s.Send(rq))
		rs, err := s.Recv()
		good("an answer", err)
		return rs
	}
	var got []string
	for _, one := range ask(&reflectionRequest{
		MessageRequest: &listServices{}}).GetListServicesResponse().Service {
		got = append(got, one.Name)
	}
	sort.Strings(got)
	same("services", got, services)
	rs := ask(&reflectionRequest{
		MessageRequest: &fileContainingSymbol{FileContainingSymbol: services[0]}})
	same("methods", file(rs.GetFileDescriptorResponse().FileDescriptorProto[0]), "get batchGet")
	rs = ask(&reflectionRequest{
		MessageRequest: &fileByFilename{FileByFilename: "nobody.proto"}})
	same("an unknown file", rs.GetErrorResponse().GetErrorCode(), int32(codes.NotFound))
	good("the end of the questions", s.CloseSend())
	_, err = s.Recv()
	same("the end", err, io.EOF)
}

func reflectionOfOld() {
	s, err := reflectionalpha.NewServerReflectionClient(conn).ServerReflectionInfo(soon())
	good("reflection", err)
	good("a question", s.Send(&reflectionalpha.ServerReflectionRequest{
		MessageRequest: &reflectionalpha.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: services[0]}}))
	rs, err := s.Recv()
	good("an answer", err)
	same("methods", file(rs.GetFileDescriptorResponse().FileDescriptorProto[0]), "get batchGet")
}

func main() {
	var err error
	conn, err = grpc.Dial("127.0.0.1:"+os.Args[1], withoutTLS())
	good("a connection", err)
	for _, one := range []func(){singles, batches, compression, sendMetadata, streams, deadlines, cancellation, refusals, checks,
		reflectionOfToday, reflectionOfOld} {
		one()
	}
	fmt.Printf("compared %d\n", compared)
}
