/* Reads a server with gRPC C++: `read PORT`. CMake makes the stubs of proto/, tools/clients.py the
 * stores. The last line is "compared N", of values and statuses; an answer that is not what
 * docs/formats/grpc.md says ends the program with a sentence and status 1. */
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <openssl/evp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "VeniceReadService.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "lagoon/read/v1/read.grpc.pb.h"

namespace venice = com::linkedin::venice::protocols;
namespace lagoon_read = lagoon::read::v1;
namespace health = grpc::health::v1;
using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;

namespace
{

constexpr unsigned kPartitions = 3, kHeavyRows = 100, kHeavyBytes = 100000, kBatches = 400,
                   kAtOnce = 80;
constexpr uint32_t kKeyNotFound = static_cast<uint32_t>(-420);
constexpr std::chrono::seconds kWait(60);
const std::vector<std::string> kServices = {
    "com.linkedin.venice.protocols.VeniceReadService", "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
    "lagoon.read.v1.ReadService"};

unsigned compared;
std::shared_ptr<grpc::Channel> channel;
std::unique_ptr<venice::VeniceReadService::Stub> stub;

[[noreturn]] void Fail(const std::string &what)
{
    std::cout << what << std::endl;
    std::_Exit(1);
}

template <typename Got, typename Want>
void Same(const std::string &what, const Got &got, const Want &want)
{
    if (!(got == want)) {
        std::ostringstream text;
        text << what << ": " << got << " instead of " << want;
        Fail(text.str().substr(0, 600));
    }
    compared++;
}

void Code(const std::string &what, const Status &status, StatusCode want)
{
    if (status.error_code() != want)
        Fail(what + ": status " + std::to_string(status.error_code()) + " instead of " +
             std::to_string(want) + ", " + status.error_message());
    compared++;
}

void Soon(ClientContext *context, std::chrono::microseconds wait = kWait)
{
    context->set_deadline(std::chrono::system_clock::now() + wait);
}

// --- Avro and Venice's encodings ---

std::string Long(int64_t n)
{
    uint64_t z = (static_cast<uint64_t>(n) << 1) ^ static_cast<uint64_t>(n >> 63);
    std::string out;
    for (; z > 127; z >>= 7)
        out += static_cast<char>((z & 127) | 128);
    return out + static_cast<char>(z);
}

int64_t TakeLong(const std::string &data, size_t *at)
{
    uint64_t z = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint64_t byte = static_cast<uint8_t>(data.at((*at)++));
        z |= (byte & 127) << shift;
        if (byte < 128)
            return static_cast<int64_t>(z >> 1) ^ -static_cast<int64_t>(z & 1);
    }
}

std::string Key(const std::string &text)
{
    return Long(static_cast<int64_t>(text.size())) + text;
}

std::string Text(const std::string &value)
{
    size_t at = 0;
    int64_t size = TakeLong(value, &at);
    if (at + static_cast<size_t>(size) != value.size())
        Fail("a value that is no Avro string");
    return value.substr(at);
}

unsigned Partition(const std::string &key)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned size = 0, rest = 0;
    if (EVP_Digest(key.data(), key.size(), sum, &size, EVP_md5(), nullptr) != 1)
        Fail("no MD5");
    for (unsigned i = 0; i < size; i++)
        rest = (rest * 256 + sum[i]) % kPartitions;
    return rest;
}

std::string Base64Url(const std::string &data)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string out;
    unsigned bits = 0, held = 0;
    for (unsigned char byte : data) {
        held = held << 8 | byte;
        for (bits += 8; bits >= 6; bits -= 6)
            out += digits[held >> (bits - 6) & 63];
    }
    if (bits > 0)
        out += digits[held << (6 - bits) & 63];
    return out;
}

std::string Name(char letter, size_t n)
{
    return letter + std::to_string(n);
}

std::vector<std::string> Names(char letter, size_t from, size_t n)
{
    std::vector<std::string> out;
    for (size_t i = 0; i < n; i++)
        out.push_back(Name(letter, from + i));
    return out;
}

std::string Value(size_t n)
{
    return "value of k" + std::to_string(n);
}

std::string Heavy()
{
    std::string out;
    for (unsigned i = 0; i < kHeavyBytes; i++)
        out += static_cast<char>('a' + i % 23);
    return out;
}

venice::VeniceClientRequest Single(const std::string &name, const std::string &topic = "plain_v1")
{
    venice::VeniceClientRequest rq;
    std::string key = Key(name);
    rq.set_partition(Partition(key));
    rq.set_keystring(Base64Url(key) + "?f=b64");
    rq.set_resourcename(topic);
    rq.set_method("GET");
    return rq;
}

venice::VeniceClientRequest Many(const std::vector<std::string> &names,
                                 const std::string &topic = "plain_v1", bool streaming = false)
{
    venice::VeniceClientRequest rq;
    std::string keys;
    for (size_t i = 0; i < names.size(); i++) {
        std::string key = Key(names[i]);
        keys += Long(static_cast<int64_t>(i)) + Long(static_cast<int64_t>(key.size())) + key +
                Long(Partition(key));
    }
    rq.set_keybytes(keys);
    rq.set_resourcename(topic);
    rq.set_isbatchrequest(true);
    rq.set_method("POST");
    rq.set_isstreamingrequest(streaming);
    return rq;
}

// MultiGetResponseRecordV1, one after another: value by index.
std::map<int64_t, std::string> Records(const std::string &data)
{
    std::map<int64_t, std::string> out;
    for (size_t at = 0; at < data.size();) {
        int64_t index = TakeLong(data, &at);
        auto size = static_cast<size_t>(TakeLong(data, &at));
        out[index] = data.substr(at, size);
        at += size;
        (void)TakeLong(data, &at);
    }
    return out;
}

// --- Cases ---

venice::VeniceServerResponse Get(const venice::VeniceClientRequest &rq, ClientContext *context)
{
    venice::VeniceServerResponse rs;
    Code("get", stub->get(context, rq, &rs), StatusCode::OK);
    return rs;
}

venice::VeniceServerResponse Get(const venice::VeniceClientRequest &rq)
{
    ClientContext context;
    Soon(&context);
    return Get(rq, &context);
}

venice::VeniceServerResponse BatchGet(const venice::VeniceClientRequest &rq)
{
    ClientContext context;
    venice::VeniceServerResponse rs;
    Soon(&context);
    Code("batchGet", stub->batchGet(&context, rq, &rs), StatusCode::OK);
    return rs;
}

void Singles()
{
    for (size_t n = 0; n < 200; n++) {
        auto rs = Get(Single(Name('k', n)));
        Same("errorCode", rs.errorcode(), 200u);
        Same("schemaId", rs.schemaid(), 1);
        Same("compressionStrategy", rs.compressionstrategy(), 0u);
        Same("responseRCU", rs.responsercu(), 1u);
        Same("a get", Text(rs.data()), Value(n));
    }
    struct Call {
        ClientContext context;
        venice::VeniceServerResponse rs;
        Status status;
        std::unique_ptr<grpc::ClientAsyncResponseReader<venice::VeniceServerResponse>> reader;
    };
    grpc::CompletionQueue queue;
    std::vector<Call> calls(1000);
    for (size_t n = 0; n < calls.size(); n++) {
        Soon(&calls[n].context);
        calls[n].reader = stub->Asyncget(&calls[n].context, Single(Name('k', n)), &queue);
        calls[n].reader->Finish(&calls[n].rs, &calls[n].status, reinterpret_cast<void *>(n));
    }
    for (size_t i = 0; i < calls.size(); i++) {
        void *tag;
        bool ok = false;
        if (!queue.Next(&tag, &ok) || !ok)
            Fail("a call that does not end");
        auto n = reinterpret_cast<size_t>(tag);
        Code("one of many", calls[n].status, StatusCode::OK);
        Same("one of many", Text(calls[n].rs.data()), Value(n));
    }
    auto missing = Get(Single("nobody"));
    Same("a missing key", missing.errorcode(), kKeyNotFound);
    Same("a missing key's value", missing.data() + missing.errormessage(), std::string());
    Same("an unknown store", Get(Single("k1", "nothing_v1")).errorcode(), 400u);
}

void Batches()
{
    auto names = Names('k', 0, 100);
    names.insert(names.end(), {"nobody", "nowhere"});
    for (bool streaming : {false, true}) {
        auto rs = BatchGet(Many(names, "plain_v1", streaming));
        Same("errorCode", rs.errorcode(), 200u);
        Same("isStreamingResponse", rs.isstreamingresponse(), streaming);
        Same("responseRCU", rs.responsercu(), names.size());
        auto got = Records(rs.data());
        for (size_t n = 0; n < 100; n++)
            Same("a batch's value", Text(got[static_cast<int64_t>(n)]), Value(n));
        Same("records", got.size(), streaming ? 102u : 100u);
    }
    auto got = Records(BatchGet(Many(Names('h', 0, kHeavyRows), "heavy_v1")).data());
    std::string want = Heavy();
    for (unsigned n = 0; n < kHeavyRows; n++)
        Same("a heavy value", Text(got[n]) == want, true);
}

void Compression()
{
    ClientContext one, two;
    Soon(&one);
    one.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    Same("a compressed get", Text(Get(Single("k7"), &one).data()), Value(7));
    Soon(&two);
    two.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    venice::VeniceServerResponse rs;
    Code("a compressed batch", stub->batchGet(&two, Many(Names('k', 0, 3000)), &rs),
         StatusCode::OK);
    Same("a compressed batch", Records(rs.data()).size(), 3000u);
}

void Metadata()
{
    ClientContext context;
    std::string all;
    Soon(&context);
    for (int i = 0; i < 256; i++)
        all += static_cast<char>(i);
    context.AddMetadata("x-caller", "a test");
    context.AddMetadata("x-bytes-bin", all);
    Same("a get with metadata", Text(Get(Single("k7"), &context).data()), Value(7));
}

lagoon_read::BatchGetRequest Batch(uint64_t id, const std::vector<std::string> &names,
                                   const std::string &store)
{
    lagoon_read::BatchGetRequest rq;
    rq.set_batch_id(id);
    rq.mutable_get()->set_store(store);
    for (size_t i = 0; i < names.size(); i++) {
        auto *key = rq.mutable_get()->add_keys();
        key->set_id(static_cast<uint32_t>(i));
        key->set_key(Key(names[i]));
    }
    return rq;
}

struct Seen {
    std::map<uint32_t, lagoon_read::Value> values;
    std::vector<uint32_t> missing;
    lagoon_read::End end;
    bool ended = false;
};

void CheckBatch(uint64_t id, const Seen &b)
{
    Same("status", b.end.status(), 0u);
    Same("rcu", b.end.rcu(), 11u);
    Same("version", b.end.version(), 1u);
    Same("values", b.values.size(), 10u);
    Same("missing", b.missing.size() == 1 && b.missing[0] == 10, true);
    for (const auto &[n, value] : b.values) {
        Same("a stream's value", Text(value.data()), Value(id + n));
        Same("its version", value.version(), 1u);
        Same("its schema", value.schema_id(), 1);
    }
}

void Streams()
{
    auto read = lagoon_read::ReadService::NewStub(channel);
    ClientContext context;
    Soon(&context);
    auto stream = read->BatchGet(&context);
    std::map<uint64_t, Seen> seen;
    lagoon_read::BatchGetResponse rs;
    uint64_t next = 0;
    auto more = [&] {
        if (next == kBatches)
            return;
        auto names = Names('k', next, 10);
        names.push_back("nobody");
        if (!stream->Write(Batch(next, names, "plain")))
            Fail("a batch is not taken");
        if (++next == kBatches)
            stream->WritesDone();
    };
    for (unsigned i = 0; i < kAtOnce; i++)
        more();
    while (stream->Read(&rs)) {
        Seen &b = seen[rs.batch_id()];
        if (b.ended)
            Fail("an answer behind the end of a batch");
        for (const auto &value : rs.values())
            b.values[value.id()] = value;
        b.missing.insert(b.missing.end(), rs.missing().begin(), rs.missing().end());
        if (rs.has_end()) {
            b.end = rs.end();
            b.ended = true;
            more();
        }
    }
    Code("a stream", stream->Finish(), StatusCode::OK);
    Same("batches", seen.size(), kBatches);
    for (const auto &[id, b] : seen)
        CheckBatch(id, b);
}

void Deadlines()
{
    auto start = std::chrono::steady_clock::now();
    ClientContext watching, open;
    health::HealthCheckResponse state;
    Soon(&watching, std::chrono::milliseconds(500));
    auto watch = health::Health::NewStub(channel)->Watch(&watching, health::HealthCheckRequest());
    Same("a watch's first word", watch->Read(&state), true);
    Same("health", state.status(), health::HealthCheckResponse::SERVING);
    Same("a watch's second word", watch->Read(&state), false);
    Code("a watch's end", watch->Finish(), StatusCode::DEADLINE_EXCEEDED);
    auto took = std::chrono::steady_clock::now() - start;
    Same("the deadline in its time", took > std::chrono::milliseconds(400) && took < kWait / 2,
         true);

    auto read = lagoon_read::ReadService::NewStub(channel);
    lagoon_read::BatchGetResponse rs;
    Soon(&open, std::chrono::milliseconds(500));
    auto stream = read->BatchGet(&open);
    Same("a batch is taken", stream->Write(Batch(1, {"k1"}, "plain")), true);
    Same("and answered", stream->Read(&rs), true);
    Same("its value", Text(rs.values(0).data()), Value(1));
    while (stream->Read(&rs))
        ;
    Code("an open stream's end", stream->Finish(), StatusCode::DEADLINE_EXCEEDED);

    for (int i = 0; i < 200;
         i++) { // Deadlines that race with their answers: one or the other, and right.
        ClientContext context;
        venice::VeniceServerResponse got;
        Soon(&context, std::chrono::microseconds(500));
        Status status = stub->get(&context, Single("k9"), &got);
        if (status.ok())
            Same("a race's value", Text(got.data()), Value(9));
        else
            Code("a race's status", status, StatusCode::DEADLINE_EXCEEDED);
    }
}

void Cancellation()
{
    auto read = lagoon_read::ReadService::NewStub(channel);
    for (int turn = 0; turn < 20; turn++) {
        ClientContext context;
        lagoon_read::BatchGetResponse rs;
        Soon(&context);
        auto stream = read->BatchGet(&context);
        for (uint64_t i = 0; i < 10; i++)
            (void)stream->Write(Batch(i, Names('h', 0, kHeavyRows), "heavy"));
        for (int i = 0; i < turn % 5; i++)
            Same("an answer", stream->Read(&rs), true);
        context.TryCancel();
        while (stream->Read(&rs))
            ;
        Code("a cancelled stream", stream->Finish(), StatusCode::CANCELLED);
    }
    ClientContext context;
    Soon(&context);
    std::thread canceller([&context] {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        context.TryCancel();
    });
    venice::VeniceServerResponse rs;
    Status status = stub->batchGet(&context, Many(Names('h', 0, kHeavyRows), "heavy_v1"), &rs);
    canceller.join();
    if (!status.ok())
        Code("a cancelled batch", status, StatusCode::CANCELLED);
    Same("a get afterwards", Text(Get(Single("k7")).data()), Value(7));
}

void Refusals()
{
    ClientContext one, two;
    venice::VeniceServerResponse rs;
    venice::VeniceClientRequest large;
    Soon(&one);
    grpc::TemplatedGenericStub<venice::VeniceClientRequest, venice::VeniceServerResponse> generic(
        channel);
    grpc::CompletionQueue queue;
    Status status;
    void *tag;
    bool ok = false;
    auto call = generic.PrepareUnaryCall(
        &one, "/com.linkedin.venice.protocols.VeniceReadService/nothing", Single("k1"), &queue);
    call->StartCall();
    call->Finish(&rs, &status, nullptr);
    Same("its end", queue.Next(&tag, &ok), true);
    Code("an unknown method", status, StatusCode::UNIMPLEMENTED);
    Soon(&two);
    large.set_resourcename(std::string(4 << 20, 'x'));
    Code("a large request", stub->get(&two, large, &rs), StatusCode::RESOURCE_EXHAUSTED);
    Same("a get afterwards", Text(Get(Single("k7")).data()), Value(7));
}

void Checks()
{
    auto client = health::Health::NewStub(channel);
    auto check = [&](const std::string &service, health::HealthCheckResponse *rs) {
        ClientContext context;
        health::HealthCheckRequest rq;
        Soon(&context);
        rq.set_service(service);
        return client->Check(&context, rq, rs);
    };
    health::HealthCheckResponse rs;
    auto names = kServices;
    names.push_back("");
    for (const auto &name : names) {
        Code("health of " + name, check(name, &rs), StatusCode::OK);
        Same("health of " + name, rs.status(), health::HealthCheckResponse::SERVING);
    }
    Code("health of nobody", check("nobody", &rs), StatusCode::NOT_FOUND);
}

template <typename Service, typename Request, typename Response> void Reflection()
{
    auto client = Service::NewStub(channel);
    ClientContext context;
    Soon(&context);
    auto stream = client->ServerReflectionInfo(&context);
    Request rq;
    Response rs;
    std::set<std::string> names;
    rq.set_list_services("");
    Same("a question", stream->Write(rq) && stream->Read(&rs), true);
    for (const auto &service : rs.list_services_response().service())
        names.insert(service.name());
    Same("services", names == std::set<std::string>(kServices.begin(), kServices.end()), true);
    rq.set_file_containing_symbol(kServices[0]);
    Same("a question", stream->Write(rq) && stream->Read(&rs), true);
    google::protobuf::FileDescriptorProto file;
    Same("a file", file.ParseFromString(rs.file_descriptor_response().file_descriptor_proto(0)),
         true);
    Same("its methods", file.service(0).method(0).name() + " " + file.service(0).method(1).name(),
         std::string("get batchGet"));
    rq.set_file_by_filename("nobody.proto");
    Same("a question", stream->Write(rq) && stream->Read(&rs), true);
    Same("an unknown file", rs.error_response().error_code(),
         static_cast<int>(StatusCode::NOT_FOUND));
    stream->WritesDone();
    Same("the end", stream->Read(&rs), false);
    Code("reflection", stream->Finish(), StatusCode::OK);
}

} // namespace

int main(int count, char **words)
{
    grpc::ChannelArguments arguments;
    if (count != 2)
        Fail("read PORT");
    arguments.SetMaxReceiveMessageSize(-1);
    channel = grpc::CreateCustomChannel(std::string("127.0.0.1:") + words[1],
                                        grpc::InsecureChannelCredentials(), arguments);
    stub = venice::VeniceReadService::NewStub(channel);
    Singles();
    Batches();
    Compression();
    Metadata();
    Streams();
    Deadlines();
    Cancellation();
    Refusals();
    Checks();
    Reflection<grpc::reflection::v1::ServerReflection,
               grpc::reflection::v1::ServerReflectionRequest,
               grpc::reflection::v1::ServerReflectionResponse>();
    Reflection<grpc::reflection::v1alpha::ServerReflection,
               grpc::reflection::v1alpha::ServerReflectionRequest,
               grpc::reflection::v1alpha::ServerReflectionResponse>();
    std::cout << "compared " << compared << std::endl;
    return 0;
}
