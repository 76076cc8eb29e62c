/* A peer of bench/read_load: the service and messages of Venice's read service, on gRPC C++
 * (asynchronous, one completion queue, one thread) over RocksDB with its block cache, as one would
 * write it with those two libraries.
 *
 *     bench.peers.grpc_rocksdb PORT FOLDER ROWS VALUE_BYTES
 *
 * Makes the rows (bulk_rows.h) in the folder, prints "ready", serves on loopback. `get` and
 * `batchGet` answer what Lagoon answers: a value is Avro bytes.
 */
#include <grpcpp/grpcpp.h>
#include <rocksdb/c.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "../bulk_load/bulk_rows.h"
#include "VeniceReadService.grpc.pb.h"

namespace venice = com::linkedin::venice::protocols;
using Request = venice::VeniceClientRequest;
using Response = venice::VeniceServerResponse;
using Service = venice::VeniceReadService::AsyncService;

namespace
{

rocksdb_t *db;
rocksdb_readoptions_t *reads;

void put_varint(std::string &out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        out.push_back(static_cast<char>(v | 0x80));
    out.push_back(static_cast<char>(v));
}

uint64_t take_varint(const std::string &in, size_t &at)
{
    uint64_t v = 0;

    for (unsigned shift = 0; at < in.size() && shift < 64; shift += 7) {
        auto byte = static_cast<uint8_t>(in[at++]);

        v |= static_cast<uint64_t>(byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
    }
    return v;
}

void fail(const char *error, const char *what)
{
    if (error == nullptr)
        return;
    std::fprintf(stderr, "grpc_rocksdb: %s: %s\n", what, error);
    std::exit(1);
}

void make_rows(const char *folder, uint64_t rows, size_t value_bytes)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_writeoptions_t *writes = rocksdb_writeoptions_create();
    char *error = nullptr;
    std::string value;

    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_compression(options, rocksdb_no_compression);
    rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom(10));
    rocksdb_block_based_options_set_block_cache(table, rocksdb_cache_create_lru(size_t{4} << 30));
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_writeoptions_disable_WAL(writes, 1);
    db = rocksdb_open(options, folder, &error);
    fail(error, folder);
    for (uint64_t row = 0; row < rows; row++) {
        char key[1 + BULK_KEY_BYTES] = {2 * BULK_KEY_BYTES};

        bulk_key(row, reinterpret_cast<uint8_t *>(key) + 1);
        value.clear();
        put_varint(value, 2 * value_bytes);
        size_t head = value.size();
        value.resize(head + value_bytes);
        bulk_value(row, reinterpret_cast<uint8_t *>(&value[head]), value_bytes);
        rocksdb_put(db, writes, key, sizeof(key), value.data(), value.size(), &error);
        fail(error, "put");
    }
    rocksdb_compact_range(db, nullptr, 0, nullptr, 0);
    reads = rocksdb_readoptions_create();
}

std::string decode_key(const std::string &text) // base64, up to "?f=b64" or '='
{
    std::string key;
    uint32_t bits = 0;
    unsigned have = 0;

    for (char c : text) {
        int v = c >= 'A' && c <= 'Z'   ? c - 'A'
                : c >= 'a' && c <= 'z' ? c - 'a' + 26
                : c >= '0' && c <= '9' ? c - '0' + 52
                : c == '-'             ? 62
                : c == '_'             ? 63
                                       : -1;
        if (v < 0)
            break;
        bits = bits << 6 | static_cast<uint32_t>(v);
        have += 6;
        if (have >= 8) {
            have -= 8;
            key.push_back(static_cast<char>(bits >> have));
        }
    }
    return key;
}

void get(const Request &request, Response &response)
{
    std::string key = decode_key(request.keystring());
    char *error = nullptr;
    size_t size = 0;
    rocksdb_pinnableslice_t *slice = rocksdb_get_pinned(db, reads, key.data(), key.size(), &error);

    fail(error, "get");
    response.set_errorcode(slice == nullptr ? static_cast<uint32_t>(-420) : 200);
    if (slice == nullptr)
        return;
    const char *value = rocksdb_pinnableslice_value(slice, &size);
    response.set_schemaid(1);
    response.set_data(value, size);
    response.set_responsercu(1);
    rocksdb_pinnableslice_destroy(slice);
}

void batch_get(const Request &request, Response &response)
{
    const std::string &in = request.keybytes();
    std::vector<const char *> keys;
    std::vector<size_t> sizes;
    std::string *out = response.mutable_data();

    for (size_t at = 0; at < in.size();) {
        (void)take_varint(in, at);
        size_t size = take_varint(in, at) / 2;
        keys.push_back(in.data() + at);
        sizes.push_back(size);
        at += size;
        (void)take_varint(in, at);
    }
    std::vector<char *> values(keys.size()), errors(keys.size());
    std::vector<size_t> value_sizes(keys.size());
    rocksdb_multi_get(db, reads, keys.size(), keys.data(), sizes.data(), values.data(),
                      value_sizes.data(), errors.data());
    for (size_t i = 0; i < keys.size(); i++) {
        fail(errors[i], "multi_get");
        if (values[i] == nullptr)
            continue;
        put_varint(*out, 2 * i);
        put_varint(*out, 2 * value_sizes[i]);
        out->append(values[i], value_sizes[i]);
        put_varint(*out, 2);
        rocksdb_free(values[i]);
    }
    response.set_errorcode(200);
    response.set_responsercu(static_cast<uint32_t>(keys.size()));
}

struct Call { // One call of either method, made anew for each.
    Service *service;
    grpc::ServerCompletionQueue *queue;
    bool is_batch, answered = false;
    grpc::ServerContext context;
    Request request;
    Response response;
    grpc::ServerAsyncResponseWriter<Response> writer{&context};

    Call(Service *s, grpc::ServerCompletionQueue *q, bool batch)
        : service(s), queue(q), is_batch(batch)
    {
        if (is_batch)
            service->RequestbatchGet(&context, &request, &writer, q, q, this);
        else
            service->Requestget(&context, &request, &writer, q, q, this);
    }
    void proceed()
    {
        if (answered) {
            delete this;
            return;
        }
        new Call(service, queue, is_batch);
        if (is_batch)
            batch_get(request, response);
        else
            get(request, response);
        answered = true;
        writer.Finish(response, grpc::Status::OK, this);
    }
};

} // namespace

int main(int argc, char **argv)
{
    if (argc != 5) {
        std::fprintf(stderr, "usage: grpc_rocksdb PORT FOLDER ROWS VALUE_BYTES\n");
        return 2;
    }
    Service service;
    grpc::ServerBuilder builder;
    void *tag = nullptr;
    bool ok = false;

    make_rows(argv[2], std::strtoull(argv[3], nullptr, 10), std::strtoull(argv[4], nullptr, 10));
    builder.AddListeningPort(std::string("127.0.0.1:") + argv[1],
                             grpc::InsecureServerCredentials());
    builder.RegisterService(&service);
    std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (server == nullptr)
        return 1;
    for (int i = 0; i < 300; i++) {
        new Call(&service, queue.get(), false);
        new Call(&service, queue.get(), true);
    }
    std::printf("ready\n");
    std::fflush(stdout);
    while (queue->Next(&tag, &ok)) {
        if (ok)
            static_cast<Call *>(tag)->proceed();
        else
            delete static_cast<Call *>(tag);
    }
    return 0;
}
